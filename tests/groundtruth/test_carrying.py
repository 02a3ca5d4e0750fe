"""What a person made drops out of a data set only if somebody says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.errors import LabelError
from napari_octseg.groundtruth import adding
from napari_octseg.groundtruth.carrying import carried_over
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.graded_scan import HUMAN, GradedScan
from napari_octseg.groundtruth.versions import Kept
from napari_octseg.labels import IGNORE
from tests.groundtruth.random_scans import (
    LABEL_SET,
    LAYERS,
    assert_same,
    graded_scans,
    plain_scan,
)

IRF = LABEL_SET.index("IRF")


@pytest.fixture
def data_set(tmp_path: Path) -> DataSet:
    return DataSet.create(tmp_path / "truth", "Mine", LABEL_SET, LAYERS)


def graded(
    bscans: dict[int, slice],
    *,
    label: int = 1,
    grader: str = "G-0000000a",
    state: str = "corrected",
    origin: str = HUMAN,
    n_bscans: int = 5,
) -> GradedScan:
    """A scan of which some columns of some B-scans are graded."""
    scan = plain_scan(shape=(n_bscans, 12, 9), label=label)
    columns = np.zeros((n_bscans, 9), np.bool_)
    for bscan, where in bscans.items():
        columns[bscan, where] = True
    assert scan.boundaries is not None
    assert scan.provenance is not None
    heights = np.where(columns, scan.boundaries.heights + label, np.nan)
    return replace(
        scan,
        labels=np.where(columns[:, None], scan.labels, IGNORE).astype(np.uint8),
        boundaries=replace(scan.boundaries, heights=heights.astype(np.float32)),
        provenance=replace(
            scan.provenance,
            states=tuple(state if b in bscans else "unseen" for b in range(n_bscans)),
            accepted=(False,) * n_bscans,
            graders=tuple(grader if b in bscans else "" for b in range(n_bscans)),
            edit_um=(0.5,) * n_bscans,
            origins=np.zeros((n_bscans, 9), np.uint8),
            origin_names=(origin,),
        ),
    )


ALL = slice(0, 9)


def test_bscans_that_only_the_newest_version_has_stay(data_set: DataSet) -> None:
    first = graded({0: ALL, 1: ALL, 2: ALL}, state="reviewed")
    data_set.add(first)
    version = data_set.add(graded({3: ALL}, label=2, grader="G-0000000b"))
    assert version.graded_bscans == (0, 1, 2, 3)
    assert version.kept == Kept(1, (0, 1, 2), ())
    assert data_set.versions("eye")[1].kept == version.kept
    found = data_set.read("eye")
    np.testing.assert_array_equal(found.labels[:3], first.labels[:3])
    assert set(np.unique(found.labels[3])) == {0, 2}
    assert found.boundaries is not None
    assert first.boundaries is not None
    np.testing.assert_array_equal(
        found.boundaries.heights[:, :3], first.boundaries.heights[:, :3]
    )
    assert (found.boundaries.heights[:, 3] == 8).all()
    assert found.provenance is not None
    assert found.provenance.graders == (*["G-0000000a"] * 3, "G-0000000b", "")
    assert found.provenance.states == (*["reviewed"] * 3, "corrected", "unseen")
    assert data_set.check() == []
    # Neither of them has anything new.
    again = graded({3: ALL}, label=2, grader="G-0000000b")
    assert not data_set.add(again).is_new
    assert not data_set.add(first).is_new
    with pytest.raises(LabelError):
        data_set.add(graded({}))
    assert data_set.scans()[0].n_graded_bscans == 4


def test_what_is_replaced_drops_out(data_set: DataSet) -> None:
    data_set.add(graded({0: ALL, 1: ALL}))
    wanted = graded({1: slice(0, 3)}, label=2)
    version = data_set.add(wanted, replaces=True)
    assert version.kept is None
    assert_same(data_set.read("eye"), wanted)


def test_columns_of_both_are_taken_from_the_new_one(data_set: DataSet) -> None:
    data_set.add(graded({1: slice(0, 5)}, origin="net 1"))
    version = data_set.add(
        graded({1: slice(3, 7)}, label=2, grader="G-0000000b", state="reviewed")
    )
    assert version.kept == Kept(1, (), (1,))
    found = data_set.read("eye")
    assert found.labels[1, 11].tolist() == [1, 1, 1, 2, 2, 2, 2, IGNORE, IGNORE]
    assert found.boundaries is not None
    assert found.boundaries.heights[0, 1, :7].tolist() == [7, 7, 7, 8, 8, 8, 8]
    told = found.provenance
    assert told is not None
    assert told.human_columns[1].tolist() == [False] * 3 + [True] * 6
    assert told.states[1] == "corrected"
    assert told.graders[1] == "G-0000000a G-0000000b"
    assert told.edit_um[1] is None
    assert told.seconds[1] == 3.0
    again = graded({1: slice(3, 7)}, label=2, grader="G-0000000b", state="reviewed")
    assert not data_set.add(again).is_new


def test_a_reviewer_answers_for_columns_in_which_nobody_can_see_anything(
    data_set: DataSet,
) -> None:
    data_set.add(graded({1: ALL, 2: ALL}))
    reviewed = graded({1: slice(0, 5)}, label=2, state="reviewed")
    version = data_set.add(reviewed, whole=reviewed.reviewed_bscans)
    assert version.kept == Kept(1, (2,), ())
    labels = data_set.read("eye").labels
    assert labels[1, 11].tolist() == [2] * 5 + [IGNORE] * 4


def test_findings_that_the_new_labels_cannot_tell_stay(data_set: DataSet) -> None:
    first = graded({1: ALL})
    first.labels[1, 8:10, 2:4] = IRF
    data_set.add(first)
    # Boundaries of another program: layers alone, of which background is not known.
    layers = graded({1: ALL}, label=2)
    layers.labels[layers.labels == 0] = IGNORE
    version = data_set.add(layers, untold=("IRF",))
    assert version.kept == Kept(1, (), (1,))
    labels = data_set.read("eye").labels[1]
    assert (labels[8:10, 2:4] == IRF).all()
    assert (labels[:6] == 0).all()
    assert (labels[10:] == 2).all()
    # Labels that do tell findings are believed.
    data_set.add(graded({1: ALL}, label=2))
    assert not (data_set.read("eye").labels == IRF).any()


def test_labels_that_tell_nothing_of_their_making_are_kept_too(
    data_set: DataSet,
) -> None:
    others = replace(graded({0: ALL}), provenance=None, boundaries=None)
    data_set.add(others)
    data_set.add(graded({1: ALL}, label=2))
    told = data_set.read("eye").provenance
    assert told is not None
    assert told.states[:2] == ("reviewed", "corrected")
    assert told.human_columns.any(axis=1)[:2].tolist() == [False, True]
    heights = data_set.read("eye").boundaries
    assert heights is not None
    assert np.isnan(heights.heights[:, 0]).all()
    assert np.isfinite(heights.heights[:, 1]).all()


@settings(max_examples=60, deadline=None)
@given(before=graded_scans(), seed=st.integers(0, 2**32 - 1), replay=st.booleans())
def test_nothing_is_graded_less(before: GradedScan, seed: int, replay: bool) -> None:
    chance = np.random.default_rng(seed)
    labels = np.where(chance.random(before.labels.shape) < 0.3, 2, IGNORE)
    scan = replace(before, labels=labels.astype(np.uint8))
    if replay:
        scan = replace(scan, provenance=None, boundaries=None)
    found, kept = carried_over(scan, before, 1)
    mine, theirs = scan.graded_columns, before.graded_columns
    np.testing.assert_array_equal(found.graded_columns, mine | theirs)
    for columns, source in ((mine, scan), (theirs & ~mine, before)):
        where = np.broadcast_to(columns[:, None], found.labels.shape)
        np.testing.assert_array_equal(found.labels[where], source.labels[where])
    assert (kept is None) == (not (theirs & ~mine).any())
    if kept is None:
        assert found is scan
    else:
        again, _ = carried_over(scan, found, 2)
        assert_same(again, replace(found, volume=again.volume))


def test_what_another_writer_adds_meanwhile_is_kept_too(
    data_set: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, is_first = adding.write_version, [True]

    def slowly(*args: Any) -> None:
        write(*args)
        if is_first.pop() if is_first else False:
            DataSet.open(data_set.folder).add(graded({4: ALL}))

    monkeypatch.setattr(adding, "write_version", slowly)
    assert data_set.add(graded({0: ALL})).graded_bscans == (0, 4)
    is_first.append(True)
    version = data_set.add(graded({1: ALL}))
    assert version.graded_bscans == (0, 1, 4)


@pytest.mark.parametrize(
    ("kept", "text"),
    [
        (Kept(1, (1, 2, 3, 7), ()), "B-scans 1–3, 7 stay as in version 1."),
        (Kept(2, (4,), ()), "B-scan 4 stays as in version 2."),
        (Kept(2, (), (4, 5)), "Parts of B-scans 4–5 stay as in version 2."),
        (Kept(1, (0,), (4,)), "B-scan 0 and parts of B-scan 4 stay as in version 1."),
    ],
)
def test_people_are_told_what_stays(kept: Kept, text: str) -> None:
    assert str(kept) == text
