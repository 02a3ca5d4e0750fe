"""Labels as segments of DICOM SEG, and back; highdicom does the encoding."""

from __future__ import annotations

import hashlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg import __version__
from napari_octseg.errors import ReadError, WriteError
from napari_octseg.groundtruth.formats.dicom_files import DAMAGE
from napari_octseg.groundtruth.formats.dicom_source import uid
from napari_octseg.groundtruth.formats.drawn_images import classes_of
from napari_octseg.groundtruth.graded_scan import HUMAN
from napari_octseg.io.format import broken_file
from napari_octseg.labels import IGNORE, LabelSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.groundtruth.formats.dicom_files import DicomFile, Place
    from napari_octseg.groundtruth.graded_scan import GradedScan

LABELMAP, BINARY = "LABELMAP", "BINARY"
# Schemes that begin with 99 are private (PS3.16 8.2): SNOMED has no code for most of
# our classes.
_SCHEME = "99OCTSEG"
_NOT_GRADED = "not graded"
_CODE_CHARACTERS, _NAME_CHARACTERS = 16, 64
_NAME = "napari-octseg"


def require_highdicom(error_type: type[ReadError | WriteError]) -> Any:
    """The library, imported when it is first needed.

    Raises
    ------
    ReadError, WriteError
        As wanted, if it is not installed.
    """
    try:
        return import_module("highdicom")
    except ModuleNotFoundError as error:
        raise error_type(
            "DICOM segmentations need the package highdicom, which is not installed",
            todo='install it: pip install "napari-octseg[dicom]"',
        ) from error


def write_segmentation(
    scan: GradedScan,
    labels: NDArray[np.uint8],
    source: Any,
    path: Path,
    *,
    kind: str,
    series: int,
) -> None:
    """Write labels as a segmentation of one image instance.

    Parameters
    ----------
    scan
        Tells classes, name and origin of the labels.
    labels
        (n_frames, depth, width); `IGNORE` becomes a segment of its own.
    source
        The image instance (a pydicom dataset).
    path
        Target.
    kind
        `LABELMAP` or `BINARY`.
    series
        Number of the series.
    """
    highdicom = require_highdicom(WriteError)
    n_classes = len(scan.label_set)
    numbered = np.where(labels == IGNORE, np.uint8(n_classes), labels)
    known_by = hashlib.sha256(np.ascontiguousarray(numbered).data).hexdigest()
    image = str(source.SOPInstanceUID)
    segmentation = highdicom.seg.Segmentation(
        source_images=[source],
        pixel_array=numbered,
        segmentation_type=kind,
        segment_descriptions=_descriptions(scan, highdicom),
        series_instance_uid=uid("segmentations", kind, str(source.SeriesInstanceUID)),
        series_number=series,
        sop_instance_uid=uid("segmentation", kind, image, known_by),
        instance_number=int(source.InstanceNumber),
        manufacturer=_NAME,
        manufacturer_model_name=_NAME,
        software_versions=__version__,
        device_serial_number="none",
        content_description="Ground truth",
        omit_empty_frames=False,
    )
    segmentation.SeriesDescription = f"{scan.name} labels"[:_NAME_CHARACTERS]
    segmentation.save_as(path)


def _descriptions(scan: GradedScan, highdicom: Any) -> list[Any]:
    """One per class, and the last for what nobody graded."""
    from pydicom.sr.codedict import codes

    algorithm_type, algorithm = _algorithm(scan, highdicom)
    described = []
    for number, one in enumerate(scan.label_set.classes[1:], start=1):
        is_layer = one.name in scan.layers
        red, green, blue = (round(255 * value) for value in one.rgba[:3])
        described.append(
            highdicom.seg.SegmentDescription(
                number,
                one.name[:_NAME_CHARACTERS],
                codes.SCT.AnatomicalStructure
                if is_layer
                else codes.SCT.MorphologicallyAbnormalStructure,
                _code(one.name, one.long_name, highdicom),
                algorithm_type,
                algorithm,
                anatomic_regions=[codes.SCT.Eye],
                display_color=highdicom.color.CIELabColor.from_rgb(red, green, blue),
            )
        )
    described.append(
        highdicom.seg.SegmentDescription(
            len(described) + 1,
            _NOT_GRADED,
            codes.SCT.SpatialAndRelationalConcept,
            _code(_NOT_GRADED, "nobody answers for the class", highdicom),
            algorithm_type,
            algorithm,
        )
    )
    return described


def _code(name: str, meaning: str, highdicom: Any) -> Any:
    return highdicom.sr.CodedConcept(
        name[:_CODE_CHARACTERS].strip(), _SCHEME, (meaning or name)[:_NAME_CHARACTERS]
    )


def _algorithm(scan: GradedScan, highdicom: Any) -> tuple[str, Any]:
    """Type of algorithm, and which: what people did not draw came from a model."""
    from pydicom.sr.codedict import codes

    told = scan.provenance
    if told is None:
        return "MANUAL", None
    used = np.unique(told.origins[scan.graded_columns])
    models = [told.origin_names[i] for i in used if told.origin_names[i] != HUMAN]
    if not models:
        return "MANUAL", None
    return "SEMIAUTOMATIC", highdicom.AlgorithmIdentificationSequence(
        name=", ".join(models)[:_NAME_CHARACTERS],
        family=codes.DCM.ArtificialIntelligence,
        version=__version__,
    )


def labels_in(
    segmentations: Sequence[DicomFile], places: Sequence[Place]
) -> tuple[NDArray[np.uint8], LabelSet, str]:
    """Labels of the B-scans at `places`, and their classes: the labels of segments.

    Label maps go before binary segmentations of the same images. Of segments that
    overlap, and of several files, the later one covers the earlier. What is in no
    segment is background.

    Returns
    -------
    (n_bscans, depth, width) uint8; the classes; and the algorithms whose segments are
    AUTOMATIC, which nobody has looked at: empty if there are none. A segment without
    pixels counts, too: then a machine says that there is nothing.

    Raises
    ------
    ReadError
        If none refers to these images, a file is damaged, or holds fractions.
    """
    highdicom = require_highdicom(ReadError)
    wanted = {uid_of for uid_of, _ in places}
    chosen = [one for one in segmentations if one.sources & wanted]
    kinds = [str(one.header.get("SegmentationType")) for one in chosen]
    if LABELMAP in kinds:
        chosen = [o for o, k in zip(chosen, kinds, strict=True) if k == LABELMAP]
    elif set(kinds) - {BINARY}:
        wrong = chosen[kinds.index((set(kinds) - {BINARY}).pop())]
        raise ReadError(
            f"{wrong.path.name} holds a segmentation of the type "
            f"{wrong.header.get('SegmentationType')}",
            allowed=f"{LABELMAP}, {BINARY}: classes, not probabilities",
        )
    if not chosen:
        raise ReadError("The segmentation refers to other images")
    first = chosen[0].header
    classes = [
        segment
        for one in chosen
        for segment in _segments(one.header)
        if not _is_not_graded(segment)
    ]
    label_set = classes_of(str(segment.SegmentLabel) for segment in classes)
    labels = np.zeros((len(places), int(first.Rows), int(first.Columns)), np.uint8)
    for one in chosen:
        with broken_file(one.path, "DICOM SEG", *DAMAGE):
            segmentation = highdicom.seg.segread(one.path)
            for image in sorted(one.sources & wanted):
                _add(segmentation, image, places, label_set, labels)
    return labels, label_set, _algorithms(classes)


def _algorithms(segments: Sequence[Any]) -> str:
    """Names of the algorithms whose segments are AUTOMATIC (PS3.3 C.8.20.2)."""
    names = (
        str(one.get("SegmentAlgorithmName") or "an algorithm")
        for one in segments
        if one.get("SegmentAlgorithmType") == "AUTOMATIC"
    )
    return ", ".join(dict.fromkeys(names))


def _add(
    segmentation: Any,
    image: str,
    places: Sequence[Place],
    label_set: LabelSet,
    labels: NDArray[np.uint8],
) -> None:
    """Add the segments of one image instance to labels, in place."""
    bscans = [i for i, (uid_of, _) in enumerate(places) if uid_of == image]
    frames = [places[i][1] for i in bscans]
    for segment in _segments(segmentation):
        mask = _pixels(segmentation, image, frames, int(segment.SegmentNumber))
        index = (
            IGNORE
            if _is_not_graded(segment)
            else label_set.index(str(segment.SegmentLabel))
        )
        for bscan, pixels in zip(bscans, mask, strict=True):
            labels[bscan][pixels > 0] = index


def _pixels(
    segmentation: Any, image: str, frames: list[int], number: int
) -> NDArray[Any]:
    """(n_frames, depth, width): where a segment is; frames that are left out are 0."""
    options = {
        "segment_numbers": [number],
        "combine_segments": True,
        "relabel": True,
        "ignore_spatial_locations": True,
        "assert_missing_frames_are_empty": True,
    }
    if _refers_to_frames(segmentation):
        mask = segmentation.get_pixels_by_source_frame(image, frames, **options)
    else:
        mask = segmentation.get_pixels_by_source_instance([image], **options)
    pixels: NDArray[Any] = np.asarray(mask)
    return pixels


def _refers_to_frames(segmentation: Any) -> bool:
    """Whether frames of its images are numbered; single images are not."""
    return any(
        source.get("ReferencedFrameNumber") is not None
        for group in segmentation.PerFrameFunctionalGroupsSequence
        for derivation in group.get("DerivationImageSequence") or []
        for source in derivation.get("SourceImageSequence") or []
    )


def _segments(dataset: Any) -> list[Any]:
    """Descriptions of the segments, without the background that label maps list."""
    return [one for one in dataset.SegmentSequence if int(one.SegmentNumber) > 0]


def _is_not_graded(segment: Any) -> bool:
    code = segment.SegmentedPropertyTypeCodeSequence[0]
    return bool(
        code.get("CodingSchemeDesignator") == _SCHEME
        and code.get("CodeValue") == _NOT_GRADED
    )
