"""Images with named regions that others have drawn, and the scans they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.boundaries import layers_among
from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.importing import scan_of_others
from napari_octseg.io.format import ReadOptions, natural_key
from napari_octseg.io.pictures import picture_files, read_stack
from napari_octseg.labels import BACKGROUND, IGNORE, LabelSet, canonical_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_octseg.groundtruth.graded_scan import GradedScan
    from napari_octseg.volume import OCTVolume

Mask = Callable[[tuple[int, int]], "NDArray[np.bool_]"]
"""(depth, width) of the image → pixels of a region in it."""


@dataclass(frozen=True)
class DrawnImage:
    """What somebody has drawn into a picture.

    Parameters
    ----------
    file_name
        Of the picture, as the file of regions gives it.
    regions
        (class name, pixels); later ones cover earlier ones. What is in none is
        background.
    size
        (depth, width) in px; None if the file does not tell.
    not_graded
        Pixels that nobody graded.
    """

    file_name: str
    regions: tuple[tuple[str, Mask], ...]
    size: tuple[int, int] | None = None
    not_graded: Mask | None = None

    def pixels_of(
        self, name: str, mask: Mask, size: tuple[int, int]
    ) -> NDArray[np.bool_]:
        """Pixels (depth, width) of a region.

        Raises
        ------
        ReadError
            If it is damaged.
        """
        try:
            return mask(size)
        except (KeyError, TypeError, ValueError) as error:
            raise ReadError(
                f"The region {name!r} in {self.file_name} is damaged: {error}",
                allowed="polygons of numbers, or run lengths of the whole image",
                todo="export the regions again",
            ) from error


def classes_of(names: Iterable[str]) -> LabelSet:
    """Label set of class names in the order given, after the background."""
    own = dict.fromkeys(n for n in names if canonical_name(n) != BACKGROUND)
    return LabelSet.of(BACKGROUND, *own)


def top_to_bottom(names: Sequence[str], images: Iterable[DrawnImage]) -> list[str]:
    """Class names of which the layers are in the order in which they lie.

    People draw them in any order. Layers keep the places that layers have among the
    names; which of them comes first is told by the mean row of its pixels.
    """
    layers = layers_among(names)
    rows: dict[str, list[float]] = {name: [] for name in layers}
    for image in images:
        for name, mask in image.regions:
            if name in rows and image.size is not None:
                found = np.nonzero(image.pixels_of(name, mask, image.size))[0]
                rows[name] += [float(found.mean())] if found.size else []
    depth = {name: np.mean(of) if of else np.inf for name, of in rows.items()}
    ordered = iter(sorted(layers, key=depth.__getitem__))
    return [next(ordered) if name in rows else name for name in names]


def labels_of(
    image: DrawnImage, size: tuple[int, int], label_set: LabelSet
) -> NDArray[np.uint8]:
    """Labels (depth, width) of one image.

    Raises
    ------
    ReadError
        If the image is of another size.
    """
    if image.size not in (None, size):
        raise ReadError(
            f"The regions of {image.file_name} were drawn on "
            f"{' × '.join(map(str, image.size or ()))} px, the B-scan has "
            f"{size[0]} × {size[1]} px",
            allowed="regions on B-scans of native size",
            todo="draw on the B-scan itself, not on a resized copy",
        )
    labels = np.zeros(size, np.uint8)
    for name, mask in image.regions:
        labels[image.pixels_of(name, mask, size)] = label_set.index(name)
    if image.not_graded is not None:
        labels[image.pixels_of("not graded", image.not_graded, size)] = IGNORE
    return labels


def scan_of_images(
    name: str,
    volume: OCTVolume,
    images: Sequence[DrawnImage | None],
    label_set: LabelSet,
    *,
    patient: str = "",
) -> GradedScan:
    """A scan of which each B-scan has an image; None where nobody graded.

    Raises
    ------
    ReadError
        If an image is of another size.
    """
    size = volume.depth, volume.width
    labels = np.full(volume.shape, IGNORE, np.uint8)
    for bscan, image in enumerate(images):
        if image is not None:
            labels[bscan] = labels_of(image, size, label_set)
    return scan_of_others(name, volume, labels, label_set, patient=patient)


def scans_of_pictures(
    images: Sequence[DrawnImage], names: Sequence[str], file: Path
) -> list[GradedScan]:
    """Each image as a scan of its own, with the picture that lies beside the file.

    They are taken for one patient, because they may be B-scans of one eye.

    Raises
    ------
    ReadError
        If a picture is not there, or of another size.
    """
    volumes = [
        read_stack([picture_of(image.file_name, file)], ReadOptions())
        for image in images
    ]
    sized = [
        DrawnImage(i.file_name, i.regions, i.size or (v.depth, v.width), i.not_graded)
        for i, v in zip(images, volumes, strict=True)
    ]
    label_set = classes_of(top_to_bottom(names, sized))
    return [
        scan_of_images(
            Path(image.file_name).stem, volume, [image], label_set, patient=file.stem
        )
        for image, volume in zip(sized, volumes, strict=True)
    ]


def picture_of(file_name: str, file: Path) -> Path:
    """The picture that a file of regions names: beside it, or in a folder ``images``.

    Raises
    ------
    ReadError
        If it is in neither.
    """
    folders = [file.parent, file.parent / "images"]
    folders += [folder.parent / "images" for folder in folders[:1]]
    for name in dict.fromkeys((file_name, Path(file_name).name)):
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
    raise ReadError(
        f"{file.name} names the picture {file_name}, which is not there",
        allowed=f"pictures beside {file.name}, or in a folder 'images' there",
        todo="put the pictures there, or open the scan and read the labels for it",
    )


def in_order_of_bscans(
    images: Sequence[DrawnImage], volume: OCTVolume, file: Path
) -> list[DrawnImage | None]:
    """The image of each B-scan; None for those that have none.

    By the names of the files that the scan was read from, whatever their endings; else
    in natural order, if there are as many images as B-scans.

    Raises
    ------
    ReadError
        If neither tells.
    """
    by_stem = {Path(image.file_name).stem.casefold(): image for image in images}
    stems = [path.stem.casefold() for path in _files_of(volume)]
    if len(stems) == volume.n_bscans and set(stems) & set(by_stem):
        return [by_stem.get(stem) for stem in stems]
    if len(images) == volume.n_bscans:
        named = sorted(images, key=lambda image: natural_key(image.file_name))
        return list(named)
    raise ReadError(
        f"{file.name} has regions of {len(images)} images, the scan has "
        f"{volume.n_bscans} B-scans of other names",
        allowed="regions drawn on the files that the scan was opened from, or as many "
        "images as B-scans",
        todo="open the pictures on which the regions were drawn",
    )


def _files_of(volume: OCTVolume) -> list[Path]:
    source = Path(volume.source) if volume.source else None
    if source is None:
        return []
    return picture_files(source) if source.is_dir() else [source]
