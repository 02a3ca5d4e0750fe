"""Labels of one scan are never taken for those of another that is open."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats import (
    boundary_csv,
    coco,
    dicom_seg,
    octexplorer,
    polygons,
)
from napari_octseg.groundtruth.formats.png_masks import as_integers
from napari_octseg.groundtruth.formats.sidecar import read_sidecar
from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.groundtruth.graded_scan import GradedScan

pytestmark = pytest.mark.filterwarnings("ignore")

SINGLE = {
    boundary_csv: "S-1.csv",
    octexplorer: "S-1_Surfaces_Iowa.xml",
    coco: "annotations.json",
    polygons: "annotations.json",
    dicom_seg: "S-1/labelmap.dcm",
}
WRITERS = {polygons: coco}


@pytest.fixture(autouse=True)
def _secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "secrets"))


@pytest.fixture
def scan(scan_of: Callable[..., GradedScan]) -> GradedScan:
    """A scan that has a column with all boundaries, as OCTExplorer wants."""
    made = scan_of()
    assert made.boundaries is not None
    assert np.isfinite(made.boundaries.heights).all(axis=0).any()
    return made


@pytest.mark.parametrize("module", SINGLE, ids=lambda one: one.__name__.split(".")[-1])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_another_scan_of_the_same_size_is_refused(
    module: Any, dtype: str, tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    ours, theirs = scan_of(dtype=dtype), scan_of("S-2", dtype=dtype, seed=1)
    out = tmp_path / "out"
    WRITERS.get(module, module).write([ours], out)
    for path in (out, out / SINGLE[module]):
        for volume in (theirs.volume, as_integers(theirs).volume):
            with pytest.raises(ReadError, match="another scan") as error:
                module.read_labels_for(path, volume)
            assert error.value.allowed
            assert error.value.todo
        # As it was opened, and as it was written.
        has_pixels = module not in (boundary_csv, octexplorer)
        written = as_integers(ours) if has_pixels else ours
        for volume in (ours.volume, written.volume):
            found = module.read_labels_for(path, volume)
            assert found.patient == "P-1"
            assert found.provenance is not None
            assert found.volume.data.dtype == volume.data.dtype
            assert found.volume.display_gamma == volume.display_gamma


def test_of_an_export_with_several_scans_the_right_one_is_read(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scans = [scan_of(), scan_of("S-2", dtype="float32", patient="P-2", seed=1)]
    for module in (coco, dicom_seg, boundary_csv):
        out = tmp_path / module.FORMAT.name
        module.write(scans, out)
        for scan in scans:
            found = module.read_labels_for(out, scan.volume)
            assert (found.name, found.patient) == (scan.name, scan.patient)


def test_an_export_that_does_not_tell_of_the_source_can_still_be_read(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(dtype="float32")
    coco.write([scan], tmp_path / "out")
    path = tmp_path / "out" / "provenance.json"
    told = json.loads(path.read_text("utf-8"))
    del told["scans"][0]["source_hash"]
    path.write_text(json.dumps(told), "utf-8")
    found = coco.read_labels_for(tmp_path / "out", scan.volume)
    np.testing.assert_array_equal(found.labels, scan.labels)
    assert found.provenance is None


def test_other_pixels_do_not_get_the_patient(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of()
    boundary_csv.write([scan], tmp_path / "out")
    other = replace(
        scan,
        patient="file",
        volume=OCTVolume(np.zeros(scan.volume.shape, np.uint8)),
        provenance=None,
    )
    assert read_sidecar(tmp_path / "out").completed(other).patient == "file"


@pytest.mark.parametrize("n_bscans", [1, 2])
def test_bscans_that_a_scan_does_not_have_are_told(
    n_bscans: int, tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    scan = scan_of(shape=(3, 21, 13))
    coco.write([replace(scan, labels=np.zeros_like(scan.labels))], tmp_path / "out")
    (tmp_path / "out" / "provenance.json").unlink()
    volume = OCTVolume(np.asarray(scan.volume.data)[:n_bscans])
    with pytest.raises(ReadError, match=f"B-scan {n_bscans} ") as error:
        coco.read_labels_for(tmp_path / "out", volume)
    assert f"0 to {n_bscans - 1}" in error.value.allowed


def test_images_beside_a_segmentation_tell_whose_it_is(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    ours, theirs = scan_of(), scan_of("S-2", seed=1)
    dicom_seg.write([ours, theirs], tmp_path / "out")
    folder = tmp_path / "hospital"
    shutil.copytree(tmp_path / "out" / "S-1", folder)
    found = dicom_seg.read_labels_for(folder, ours.volume)
    np.testing.assert_array_equal(found.labels, ours.labels)
    with pytest.raises(ReadError, match="not those of"):
        dicom_seg.read_labels_for(folder, theirs.volume)
