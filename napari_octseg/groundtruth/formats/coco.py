"""COCO JSON: regions as instances with run lengths, and pictures of the B-scans.

Lin et al., "Microsoft COCO: Common objects in context", ECCV 2014; format on
https://cocodataset.org/#format-data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.coco_file import CocoFile, parsed
from napari_octseg.groundtruth.formats.drawn_images import (
    DrawnImage,
    classes_of,
    in_order_of_bscans,
    scan_of_images,
    scans_of_pictures,
    top_to_bottom,
)
from napari_octseg.groundtruth.formats.exporting import export_folder, one_label_set
from napari_octseg.groundtruth.formats.png_masks import (
    IMAGES,
    as_integers,
    file_name,
    with_boundaries,
    write_boundaries,
)
from napari_octseg.groundtruth.formats.registry import ExchangeFormat
from napari_octseg.groundtruth.formats.run_lengths import encode
from napari_octseg.groundtruth.formats.sidecar import FILE_NAME as SIDECAR
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.groundtruth.json_files import read_json, write_json
from napari_octseg.io.format import ReadOptions
from napari_octseg.io.pictures import picture_files, read_stack
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume

_ANNOTATIONS = "annotations.json"


def write(scans: Sequence[GradedScan], target: Path) -> list[Path]:
    """Write pictures and ``annotations.json`` as a new folder.

    Graded B-scans are images of the data set. Every connected pocket of a lesion is an
    instance, every layer one instance per B-scan. What nobody graded in an image is in
    its entry `not_graded`, which other programmes do not read.

    Raises
    ------
    WriteError
        As `export_folder`; or if the scans have several label sets.
    """
    label_set = one_label_set(scans)
    sources, scans = scans, [as_integers(scan) for scan in scans]

    def finish(draft: Path) -> None:
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for scan in scans:
            _list_scan(scan, images, annotations)
        layers = {name for scan in scans for name in scan.layers}
        categories = [
            {
                "id": index,
                "name": name,
                "supercategory": "layer" if name in layers else "finding",
            }
            for index, name in enumerate(label_set.names)
            if index
        ]
        facts = {
            "info": {"description": "Retinal OCT, exported by napari-octseg"},
            "licenses": [],
            "images": images,
            "annotations": annotations,
            "categories": categories,
        }
        write_json(draft / _ANNOTATIONS, facts)

    return export_folder(
        target, FORMAT.name, scans, _write_pictures, finish, sources=sources
    )


def _write_pictures(scan: GradedScan, folder: Path) -> None:
    import imageio.v3 as iio

    images = folder / IMAGES / scan.name
    images.mkdir(parents=True)
    for bscan in range(scan.volume.n_bscans):
        iio.imwrite(images / file_name(bscan), scan.volume.bscan(bscan))
    write_boundaries(scan, folder)


def _list_scan(
    scan: GradedScan, images: list[dict[str, Any]], annotations: list[dict[str, Any]]
) -> None:
    """Append the graded B-scans of a scan and their instances."""
    for bscan in scan.graded_bscans:
        labels = scan.labels[bscan]
        image_id = len(images) + 1
        images.append(
            {
                "id": image_id,
                "file_name": f"{IMAGES}/{scan.name}/{file_name(bscan)}",
                "width": scan.volume.width,
                "height": scan.volume.depth,
                "scan": scan.name,
                "patient": scan.patient,
                "bscan": bscan,
                "not_graded": encode(labels == IGNORE),
            }
        )
        for index, name in enumerate(scan.label_set.names):
            if index and (labels == index).any():
                for mask in _instances(labels == index, whole=name in scan.layers):
                    annotations.append(
                        {
                            "id": len(annotations) + 1,
                            "image_id": image_id,
                            "category_id": index,
                            **_facts_of(mask),
                        }
                    )


def _instances(mask: NDArray[np.bool_], *, whole: bool) -> list[NDArray[np.bool_]]:
    """The connected parts of a mask, corners included; or all of it as one."""
    from scipy.ndimage import label

    if whole:
        return [mask]
    numbers, n_parts = label(mask, np.ones((3, 3)))
    return [numbers == number for number in range(1, n_parts + 1)]


def _facts_of(mask: NDArray[np.bool_]) -> dict[str, Any]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    left, top = int(columns[0]), int(rows[0])
    return {
        "segmentation": encode(mask),
        "area": int(mask.sum()),
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "iscrowd": 0,
    }


def read(path: Path) -> list[GradedScan]:
    """Read COCO JSON with its pictures.

    Parameters
    ----------
    path
        The JSON file, or a folder that holds one. What `write` wrote gives the scans
        again; in files of others every image is a scan of its own.

    Raises
    ------
    ReadError
        If it is no COCO JSON, or pictures are missing or of another size.
    """
    file = json_in(path)
    return scans_of_coco(file, read_json(file))


def scans_of_coco(file: Path, facts: dict[str, Any]) -> list[GradedScan]:
    """As `read`, of a file that was read already."""
    found = parsed(file, facts)
    if not found.bscans:
        return scans_of_pictures(found.images, found.names, file)
    sidecar = read_sidecar(file.parent)
    scans = []
    for name in dict.fromkeys(scan for scan, _, _ in found.bscans):
        pictures = picture_files(file.parent / IMAGES / name)
        if not pictures:
            raise ReadError(
                f"{file.parent} has no pictures in {IMAGES}/{name}",
                todo="copy the whole export, or open the scan and read its labels",
            )
        volume = read_stack(pictures, ReadOptions())
        scan = _own_scan(found, name, volume, file)
        scans.append(sidecar.completed(with_boundaries(scan, file.parent, sidecar)))
    return scans


def read_labels_for(path: Path, volume: OCTVolume) -> GradedScan:
    """Read the regions of a scan that is open.

    Which image is which B-scan is told by what `write` wrote, else by the names of the
    files (`in_order_of_bscans`).

    Parameters
    ----------
    path
        The JSON file, or a folder that holds one.
    volume
        The scan.

    Raises
    ------
    ReadError
        If it is no COCO JSON, or its images are not those of the scan.
    """
    file = json_in(path)
    return labels_of_coco(file, read_json(file), volume)


def labels_of_coco(file: Path, facts: dict[str, Any], volume: OCTVolume) -> GradedScan:
    """As `read_labels_for`, of a file that was read already."""
    found = parsed(file, facts)
    if not found.bscans:
        images = in_order_of_bscans(found.images, volume, file)
        there = [image for image in images if image is not None]
        label_set = classes_of(top_to_bottom(found.names, there))
        return scan_of_images(file.stem, volume, images, label_set)
    names = list(dict.fromkeys(scan for scan, _, _ in found.bscans))
    sidecar = read_sidecar(file.parent)
    if len(names) > 1:
        names = [n for n in names if n == sidecar.name_of(volume)]
    if len(names) != 1:
        raise ReadError(
            f"{file.name} holds several scans, none of them with these pixels",
            allowed="the scan from which the labels were exported",
            todo="open that scan, or import the whole folder",
        )
    sidecar.check_is_of(names[0], volume)
    scan = _own_scan(found, names[0], volume, file)
    return sidecar.completed(with_boundaries(scan, file.parent, sidecar))


def json_in(path: Path) -> Path:
    """The JSON file at `path`, or the only one in that folder.

    Raises
    ------
    ReadError
        If there is none, or several.
    """
    if path.is_file():
        return path
    files = [p for p in sorted(path.glob("*.json")) if p.name != SIDECAR]
    if len(files) != 1:
        raise ReadError(
            f"{path} holds {len(files)} JSON files",
            allowed="a folder with one, or the file itself",
            todo="choose the file",
        )
    return files[0]


def _own_scan(found: CocoFile, name: str, volume: OCTVolume, file: Path) -> GradedScan:
    """A scan that `write` wrote, with these pixels."""
    images: list[DrawnImage | None] = [None] * volume.n_bscans
    patient = ""
    for image, (scan, of_patient, bscan) in zip(
        found.images, found.bscans, strict=True
    ):
        if scan == name:
            if not 0 <= bscan < volume.n_bscans:
                raise ReadError(
                    f"{file.name} has labels of B-scan {bscan} of the scan {name}",
                    allowed=f"B-scans 0 to {volume.n_bscans - 1}, as this scan has",
                    todo="open the scan from which the labels were exported",
                )
            images[bscan], patient = image, of_patient
    label_set = classes_of(found.names)
    return scan_of_images(name, volume, images, label_set, patient=patient)


FORMAT = ExchangeFormat(
    name="coco",
    title="COCO JSON",
    what="Lesions as instances and layers as regions with run lengths, and pictures: "
    "for pycocotools, CVAT, Detectron2; also reads polygons.",
    write=write,
    read=read,
    read_labels_for=read_labels_for,
    suffixes=(".json",),
    loses="Pixels of float32 scans become 16-bit grey as shown. Other programmes take "
    "what nobody graded in a B-scan for background.",
)
