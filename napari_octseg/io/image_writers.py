"""Labels and volumes as TIFF, NIfTI, NRRD, MetaImage and PNG."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.errors import WriteError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.labels import LabelSet
    from napari_octseg.volume import OCTVolume, Spacing

NAMESPACE = "napari-octseg"
"""OME annotation that holds what OME has no field for."""

_UM_PER_MM = 1000.0
_BIG_TIFF_BYTES = 3 << 30  # plain TIFF ends at 4 GB


def write_tiff_labels(labelled: OCTVolume, path: Path) -> None:
    """OME-TIFF, uint8, deflate; class names as annotations ``class 0``, ``class 1``."""
    facts = class_facts(labelled.label_set)
    _write_ome(labelled.labels, path, labelled, facts)


def write_tiff_volume(volume: OCTVolume, path: Path) -> None:
    """OME-TIFF of the raw values, deflate, B-scan by B-scan."""
    _write_ome(volume.data, path, volume, {})


def class_facts(label_set: LabelSet | None) -> dict[str, str]:
    """Class names by index, as annotation."""
    names = () if label_set is None else label_set.names
    return {f"class {i}": name for i, name in enumerate(names)}


def _write_ome(
    stack: Any, path: Path, volume: OCTVolume, facts: dict[str, str]
) -> None:
    import tifffile

    axes = zip("ZYX", volume.spacing, strict=True)
    metadata: dict[str, Any] = {"axes": "ZYX"}
    for axis, um in axes:
        if um is not None:
            metadata[f"PhysicalSize{axis}"] = um
            metadata[f"PhysicalSize{axis}Unit"] = "µm"
    facts = {"spacing_origins": " ".join(volume.spacing.origins), **facts}
    if volume.laterality:
        facts["laterality"] = volume.laterality
    metadata["MapAnnotation"] = {"Namespace": NAMESPACE, **facts}
    n_bytes = stack.size * stack.dtype.itemsize
    tifffile.imwrite(
        path,
        (np.asarray(stack[i]) for i in range(len(stack))),
        shape=stack.shape,
        dtype=stack.dtype,
        ome=True,
        bigtiff=n_bytes > _BIG_TIFF_BYTES,
        photometric="minisblack",
        compression="zlib",  # the deflate that every TIFF reader knows
        metadata=metadata,
    )


def write_itk_labels(labelled: OCTVolume, path: Path) -> None:
    """uint8 with axes x = A-scan, y = depth, z = B-scan and spacing in mm."""
    _write_itk(np.asarray(labelled.labels), path, labelled.spacing)


def write_itk_volume(volume: OCTVolume, path: Path) -> None:
    """Raw values with axes x = A-scan, y = depth, z = B-scan and spacing in mm."""
    _write_itk(np.asarray(volume.data), path, volume.spacing)


def _write_itk(stack: NDArray[Any], path: Path, spacing: Spacing) -> None:
    sitk: Any = import_module("SimpleITK")
    image = sitk.GetImageFromArray(np.ascontiguousarray(stack))
    # ITK counts axes from the fastest. It has no "unknown"; 1 mm is what it writes
    # itself, and what our reader takes as unknown.
    image.SetSpacing([1.0 if um is None else um / _UM_PER_MM for um in spacing][::-1])
    compress = not path.name.lower().endswith((".mhd", ".mha", ".nii"))
    try:
        sitk.WriteImage(image, str(path), compress)
    except RuntimeError as error:
        raise WriteError(
            f"{path.name} cannot be written: {str(error).splitlines()[-1]}",
            todo="check the free space of the disk and who may write there",
        ) from error


def write_png_labels(labelled: OCTVolume, path: Path) -> None:
    """Indexed PNG of one B-scan: pixels are class indices, the palette has colours."""
    from PIL import Image

    labels = np.asarray(labelled.labels)
    check_png(len(labels))
    palette = np.full((256, 3), 128, np.uint8)
    if labelled.label_set is not None:
        for index, (*rgb, _) in labelled.label_set.colours.items():
            palette[index] = np.rint(np.array(rgb) * 255)
    image = Image.fromarray(labels[0])
    image.putpalette(palette.tobytes())
    image.save(path, format="PNG")


def check_png(n_bscans: int) -> None:
    """Raise `WriteError` unless so many B-scans fit into a PNG: only one does."""
    if n_bscans != 1:
        raise WriteError(
            f"{n_bscans} B-scans as one PNG",
            allowed="one B-scan per PNG",
            todo="save as .tif, .nii.gz, .mhd or .eye",
        )
