"""An export appears as a whole folder, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg.errors import WriteError
from napari_octseg.groundtruth.formats.exporting import export_folder, one_label_set
from napari_octseg.labels import LabelSet
from napari_octseg.volume import Localizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_octseg.groundtruth.graded_scan import GradedScan


def _write(scan: GradedScan, folder: Path) -> None:
    (folder / f"{scan.name}.bin").write_bytes(b"abc")


def test_the_files_written_are_returned_the_sidecar_last(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    target = tmp_path / "out"
    files = export_folder(target, "png", [scan_of("b"), scan_of("a")], _write)
    assert [f.name for f in files] == ["a.bin", "b.bin", "provenance.json"]
    assert sorted(files) == sorted(target.iterdir())
    assert list(tmp_path.iterdir()) == [target]


def test_an_empty_folder_may_be_there(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    (tmp_path / "out").mkdir()
    export_folder(tmp_path / "out", "png", [scan_of()], _write)
    assert (tmp_path / "out" / "S-1.bin").is_file()


def test_nothing_is_left_of_an_export_that_fails(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    def fail(scan: GradedScan, folder: Path) -> None:
        _write(scan, folder)
        if scan.name == "S-2":
            raise OSError(28, "No space left on device")

    with pytest.raises(WriteError, match="No space left"):
        export_folder(tmp_path / "out", "png", [scan_of(), scan_of("S-2")], fail)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_left_alone(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(WriteError, match="new or empty"):
        export_folder(tmp_path, "png", [scan_of()], _write)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_made_is_told(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    with pytest.raises(WriteError, match="no folder"):
        export_folder(tmp_path / "none" / "out", "png", [scan_of()], _write)


def test_places_and_pictures_of_the_fundus_are_not_handed_out(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    seen: list[GradedScan] = []
    scan = scan_of()
    volume = replace(
        scan.volume,
        localizer=Localizer(np.zeros((4, 4), np.uint8)),
        positions=np.zeros((3, 2, 2), np.float32),
        source="/home/x/Doe_Jane.vol",
    )
    export_folder(
        tmp_path / "out",
        "png",
        [replace(scan, volume=volume)],
        lambda one, _: seen.append(one),
    )
    written = seen[0].volume
    assert (written.localizer, written.positions, written.source) == (None,) * 3


def test_scans_need_names_of_their_own(
    tmp_path: Path, scan_of: Callable[..., GradedScan]
) -> None:
    with pytest.raises(WriteError, match="'s-1' and 'S-1'"):
        export_folder(tmp_path / "out", "png", [scan_of("s-1"), scan_of()], _write)


def test_nothing_to_export_is_told(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="no scan"):
        export_folder(tmp_path / "out", "png", [], _write)


def test_two_label_sets_are_told(scan_of: Callable[..., GradedScan]) -> None:
    other = scan_of("S-2", label_set=LabelSet.of("background", "IRF"), layers=())
    assert one_label_set([scan_of()]) == scan_of().label_set
    with pytest.raises(WriteError, match="S-2 has background, IRF"):
        one_label_set([scan_of(), other])
