"""What becomes ground truth: what a person answers for, and not a column more."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_octseg.editing.grading import Grading
from napari_octseg.editing.harvest import graded_scan, harvest
from napari_octseg.editing.review import ACCEPT_AS_IS, ReviewState
from napari_octseg.errors import EditError, LabelError
from napari_octseg.groundtruth.pseudonyms import pseudonym_of
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import Localizer, OCTVolume, Origin, Spacing
from tests.editing.conftest import DEPTH, WIDTH, flat_heights, flat_labels

FLUID = 4


@pytest.fixture(autouse=True)
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "secrets"))


def draw(grading: Grading, bscan: int, first: int, last: int, shift: float = 2) -> None:
    """Move the boundaries of columns `first` to `last` down by hand."""
    edit = grading.begin("pen")
    edit.set_heights(bscan, first, flat_heights(last - first + 1) + np.float32(shift))
    edit.commit()


def review(grading: Grading, bscan: int, tool: str = "") -> None:
    grading.set_state(bscan, ReviewState.REVIEWED, tool=tool)


def scan_of(grading: Grading, **options: object):
    return graded_scan(grading, patient="Smith", name="eye", **options)


def test_of_a_corrected_bscan_only_the_drawn_columns_count(grading: Grading) -> None:
    draw(grading, 1, 3, 7)
    scan = scan_of(grading)
    assert scan.graded_bscans == (1,)
    assert np.flatnonzero(scan.graded_columns[1]).tolist() == [3, 4, 5, 6, 7]
    columns = slice(3, 8)
    assert np.array_equal(scan.labels[1][:, columns], grading.labels[1][:, columns])
    others = np.delete(scan.labels[1], np.arange(3, 8), axis=1)
    assert (others == IGNORE).all()
    assert scan.boundaries is not None
    drawn = np.isfinite(scan.boundaries.heights)
    assert drawn[:, 1, columns].all()
    assert drawn.sum() == 4 * 5
    assert scan.boundaries.names == grading.boundary_names
    assert scan.provenance is not None
    assert scan.provenance.states == ("predicted", "corrected", "predicted")
    assert scan.provenance.human_columns.sum() == 5
    assert scan.provenance.accepted == (False, False, False)


def test_of_a_reviewed_bscan_all_columns_count(grading: Grading) -> None:
    draw(grading, 0, 3, 3)
    review(grading, 0)
    scan = scan_of(grading)
    assert scan.graded_columns[0].all()
    assert np.array_equal(scan.labels[0], grading.labels[0])
    assert (scan.labels[1:] == IGNORE).all()
    assert scan.provenance is not None
    assert not any(scan.provenance.accepted)


def test_a_models_untouched_output_is_nothing(grading: Grading) -> None:
    assert harvest(grading).bscans == ()
    assert (scan_of(grading).labels == IGNORE).all()


def test_it_counts_once_it_was_accepted_as_is_and_that_is_recorded(
    grading: Grading, open_grading: Callable[[], Grading]
) -> None:
    review(grading, 2, ACCEPT_AS_IS)
    for one in (lambda: grading, open_grading):
        scan = scan_of(one())
        assert scan.graded_bscans == (2,)
        assert np.array_equal(scan.labels[2], flat_labels())
        assert scan.provenance is not None
        assert scan.provenance.accepted == (False, False, True)
        assert not scan.provenance.human_columns.any()


def test_a_review_without_accepting_does_not_make_it_count(grading: Grading) -> None:
    review(grading, 2)
    found = harvest(grading)
    assert found.bscans == ()
    assert "accepted" in found.left_out[2]


def test_an_acceptance_that_was_undone_does_not_count(grading: Grading) -> None:
    review(grading, 2, ACCEPT_AS_IS)
    grading.undo()
    assert harvest(grading).bscans == ()
    grading.redo()
    assert harvest(grading).accepted == (False, False, True)


def test_an_acceptance_after_the_review_in_force_was_undone(grading: Grading) -> None:
    review(grading, 2)
    grading.set_state(2, ReviewState.PREDICTED, tool="reopen")
    review(grading, 2, ACCEPT_AS_IS)
    assert harvest(grading).accepted[2]
    grading.undo()
    grading.undo()
    assert grading.states[2] == ReviewState.REVIEWED
    assert harvest(grading).bscans == ()


def test_an_older_acceptance_does_not_cover_a_newer_model(grading: Grading) -> None:
    review(grading, 2, ACCEPT_AS_IS)
    grading.set_state(2, ReviewState.PREDICTED, tool="reopen")
    edit = grading.begin("net 2", origin="net 2")
    edit.set_prediction(2, flat_labels(), flat_heights() + 1)
    edit.commit()
    assert harvest(grading).bscans == ()
    review(grading, 2)
    assert harvest(grading).bscans == ()


def test_what_was_corrected_after_acceptance_is_no_longer_as_is(
    grading: Grading,
) -> None:
    review(grading, 2, ACCEPT_AS_IS)
    grading.set_state(2, ReviewState.PREDICTED, tool="reopen")
    draw(grading, 2, 0, 2)
    assert np.flatnonzero(harvest(grading).columns[2]).tolist() == [0, 1, 2]
    review(grading, 2)
    found = harvest(grading)
    assert found.columns[2].all()
    assert not found.accepted[2]


@pytest.mark.parametrize("origin", ["propagated", "interpolated", "repaired"])
def test_columns_that_a_program_moved_are_not_drawn(
    grading: Grading, origin: str
) -> None:
    draw(grading, 1, 0, 9)
    edit = grading.begin("tool", origin=origin)
    edit.set_heights(1, 5, flat_heights(10) + np.float32(1))
    edit.commit()
    assert np.flatnonzero(harvest(grading).columns[1]).tolist() == [0, 1, 2, 3, 4]


def test_excluded_bscans_are_out_even_if_drawn(grading: Grading) -> None:
    draw(grading, 1, 0, WIDTH - 1)
    grading.set_state(1, ReviewState.EXCLUDED)
    assert harvest(grading).bscans == ()
    assert (scan_of(grading).labels == IGNORE).all()


def test_where_nobody_can_see_there_is_no_truth(grading: Grading) -> None:
    edit = grading.begin("cannot see")
    edit.hide_columns(1, 4, 6)
    edit.commit()
    assert "see" in harvest(grading).left_out[1]
    review(grading, 1)
    scan = scan_of(grading)
    hidden = ~scan.graded_columns[1]
    assert np.flatnonzero(hidden).tolist() == [4, 5, 6]
    assert scan.boundaries is not None
    assert np.isnan(scan.boundaries.heights[:, 1, 4:7]).all()


def test_background_without_any_layer_is_no_truth_of_layers(
    open_grading: Callable[[], Grading],
) -> None:
    fresh = open_grading()
    edit = fresh.begin("brush")
    edit.set_labels(0, 12, 4, np.full((3, 2), FLUID, np.uint8))
    edit.commit()
    review(fresh, 0)
    before = fresh.labels.copy()
    scan = scan_of(fresh)
    assert np.array_equal(fresh.labels, before)
    assert (scan.labels[0] == FLUID).sum() == 6
    assert (scan.labels[0] != IGNORE).sum() == 6
    review(fresh, 1)
    assert 1 in harvest(fresh).left_out


def test_a_reviewed_bscan_without_findings_is_empty_truth(
    volume: OCTVolume, tmp_path: Path
) -> None:
    fluid = LabelSet.of("background", "IRF")
    grading = Grading.open(volume, fluid, path=tmp_path / "fluid.sqlite")
    try:
        review(grading, 1)
        scan = scan_of(grading)
        assert scan.boundaries is None
        assert scan.graded_bscans == (1,)
        assert (scan.labels[1] == 0).all()
    finally:
        grading.close()


def test_nothing_tells_whose_eye_it_is(grading: Grading) -> None:
    draw(grading, 1, 3, 7)
    seen = Localizer(np.zeros((4, 4), np.uint8))
    grading.volume = replace(
        grading.volume,
        source="/data/Smith_John_1950.vol",
        notes=("exported for Smith",),
        localizer=seen,
        positions=np.zeros((3, 2, 2), np.float32),
        device="Spectralis",
        laterality="OS",
    )
    scan = scan_of(grading)
    kept = scan.volume
    assert (kept.source, kept.notes, kept.localizer) == (None, (), None)
    assert kept.positions is None
    assert (kept.device, kept.laterality) == ("Spectralis", "OS")
    assert kept.spacing == grading.volume.spacing
    assert kept.data is grading.volume.data
    assert scan.patient == pseudonym_of("smith ")
    assert scan.provenance is not None
    told = json.dumps([scan.patient, *map(str, asdict(scan.provenance).values())])
    for name in ("Smith", "anna"):
        assert name not in told
    assert scan.provenance.graders[1].startswith("G-")
    assert scan.provenance.graders[0] == ""


def test_time_and_edits_are_told_with_the_spacing_that_is_right(
    grading: Grading,
) -> None:
    draw(grading, 1, 0, WIDTH - 1)
    grading.add_seconds(1, 12.5)
    scan = scan_of(grading)
    assert scan.provenance is not None
    assert scan.provenance.seconds == (0.0, 12.5, 0.0)
    assert scan.provenance.edit_um == (0.0, pytest.approx(2 * 4.0), 0.0)
    edited = replace(grading.volume, spacing=Spacing.of((None, 3.0, None), Origin.USER))
    other = scan_of(grading, volume=edited)
    assert other.volume.spacing.axial == 3.0
    assert other.provenance is not None
    assert other.provenance.edit_um[1] == pytest.approx(6.0)


def test_it_is_a_copy(grading: Grading) -> None:
    draw(grading, 1, 0, 4)
    scan = scan_of(grading)
    before = scan.labels.copy()
    draw(grading, 1, 0, 4, shift=6)
    assert np.array_equal(scan.labels, before)


def test_not_amid_an_edit(grading: Grading) -> None:
    edit = grading.begin("pen")
    edit.set_heights(1, 0, flat_heights())
    with pytest.raises(EditError, match="pen"):
        scan_of(grading)
    edit.cancel()
    assert scan_of(grading).graded_bscans == ()


def test_a_patient_is_needed(grading: Grading) -> None:
    with pytest.raises(LabelError, match="patient"):
        graded_scan(grading, patient=" ", name="eye")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["draw", "predict", "propagate", "hide", "review", "as is", "exclude"]
        ),
        st.integers(0, 1),
        st.integers(0, WIDTH - 1),
        st.integers(1, WIDTH),
    ),
    max_size=12,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_whatever_is_done_only_what_people_answer_for_gets_out(
    steps: list[tuple[str, int, int, int]],
    open_grading: Callable[[], Grading],
    tmp_path: Path,
) -> None:
    (tmp_path / "edits.sqlite").unlink(missing_ok=True)
    grading = open_grading()
    grading.close()
    for left in tmp_path.glob("edits.sqlite*"):
        left.unlink()
    grading = open_grading()
    for what, bscan, first, n_columns in steps:
        last = min(first + n_columns, WIDTH) - 1
        try:
            if what == "draw":
                draw(grading, bscan, first, last, shift=first / 7)
            elif what == "hide":
                edit = grading.begin("cannot see")
                edit.hide_columns(bscan, first, last)
                edit.commit()
            elif what == "propagate":
                edit = grading.begin("copy", origin="propagated")
                edit.set_heights(bscan, 0, flat_heights() + np.float32(first / 5))
                edit.commit()
            elif what == "predict":
                edit = grading.begin("net", origin="net 1")
                edit.set_prediction(bscan, flat_labels(), flat_heights())
                edit.commit()
            elif what == "review":
                review(grading, bscan)
            elif what == "as is":
                review(grading, bscan, ACCEPT_AS_IS)
            else:
                grading.set_state(bscan, ReviewState.EXCLUDED)
        except EditError:
            continue
    scan, found = scan_of(grading), harvest(grading)
    human = grading.origins == grading.origin_code("human")
    for bscan, state in enumerate(grading.states):
        graded = scan.graded_columns[bscan]
        if state not in (ReviewState.CORRECTED, ReviewState.REVIEWED):
            assert not graded.any()
        if state == ReviewState.CORRECTED:
            assert not (graded & ~human[bscan]).any()
        if graded.any() and not human[bscan].any():
            assert found.accepted[bscan]
        truth = scan.labels[bscan] != IGNORE
        assert np.array_equal(scan.labels[bscan][truth], grading.labels[bscan][truth])
        assert scan.boundaries is not None
        known = np.isfinite(scan.boundaries.heights[:, bscan])
        assert not known[:, ~graded].any()
    assert scan.labels.shape == (3, DEPTH, WIDTH)
