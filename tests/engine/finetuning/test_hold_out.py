"""What is held out of ground truth: never what was trained on, never too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.engine.data.source import BlocksHeldOut
from napari_octseg.engine.finetuning.hold_out import GradedOf, choose_hold_out
from napari_octseg.errors import RecipeError


def blocks_of(*scans: GradedOf, n_neighbours: int = 0) -> list[tuple[str, int, int]]:
    found = choose_hold_out(scans, {}, n_neighbours=n_neighbours).validation
    if not isinstance(found, BlocksHeldOut):
        return []
    return [(block.scan, block.first, block.last) for block in found.blocks]


def test_the_split_decides_where_there_are_several_patients() -> None:
    scans = [GradedOf(f"s{n}", f"P{n}", (1, 2)) for n in range(3)]
    decided = {"P0": "validation", "P1": "train", "P2": "train", "elsewhere": "train"}
    found = choose_hold_out(scans, decided)
    assert found.validation == ("P0",)
    assert found.text == "1 of 3 patients, not trained on (P0: 2 B-scans)"


def test_of_several_patients_one_is_held_out_though_nobody_decided() -> None:
    scans = [GradedOf(f"s{n}", f"P{n}", (1,)) for n in range(3)]
    found = choose_hold_out(scans, {}).validation
    assert isinstance(found, tuple)
    assert len(found) == 1


def test_a_patient_that_was_trained_on_is_not_drawn() -> None:
    seen = frozenset({1})
    for known in range(3):
        scans = [
            GradedOf(
                f"s{n}", f"P{n}", (1,), trained_on=seen if n == known else frozenset()
            )
            for n in range(3)
        ]
        assert choose_hold_out(scans, {}).validation != (f"P{known}",)


def test_held_out_patients_that_were_trained_on_are_an_error() -> None:
    scans = [
        GradedOf("s0", "P0", (1,), trained_on=frozenset({1})),
        GradedOf("s1", "P1", (1,)),
    ]
    decided = {"P0": "validation", "P1": "train"}
    with pytest.raises(RecipeError, match="trained on P0, whom the split holds out"):
        choose_hold_out(scans, decided)


def test_a_split_that_trains_on_nobody_is_an_error() -> None:
    scans = [GradedOf(f"s{n}", f"P{n}", (1,)) for n in range(2)]
    with pytest.raises(RecipeError, match="All patients"):
        choose_hold_out(scans, {"P0": "validation", "P1": "validation"})


def test_of_one_patient_a_block_is_held_out_and_that_is_said() -> None:
    found = choose_hold_out([GradedOf("s", "P", (10, 30, 50, 70, 90))], {})
    assert blocks_of(GradedOf("s", "P", (10, 30, 50, 70, 90))) == [("s", 30, 30)]
    assert "all are of one patient" in found.text
    assert "s: 30" in found.text
    assert "other scans" not in found.text


def test_that_another_scan_may_show_what_is_held_out_is_said() -> None:
    scans = [GradedOf(f"s{n}", "P", (10, 30, 50, 70, 90)) for n in range(2)]
    assert "other scans of the same eye" in choose_hold_out(scans, {}).text


def test_neighbouring_bscans_lose_as_few_as_possible() -> None:
    # At an end only one of them is in the gap.
    assert blocks_of(GradedOf("s", "P", (20, 21, 22, 23, 24))) in (
        [("s", 20, 20)],
        [("s", 24, 24)],
    )


def test_the_gap_grows_with_the_neighbours_and_with_dense_scans() -> None:
    def gap(scan: GradedOf, n_neighbours: int = 0) -> int:
        found = choose_hold_out([scan], {}, n_neighbours=n_neighbours).validation
        assert isinstance(found, BlocksHeldOut)
        return found.blocks[0].gap

    far = tuple(range(0, 100, 20))
    assert gap(GradedOf("s", "P", far)) == 1
    assert gap(GradedOf("s", "P", far), n_neighbours=1) == 2
    assert gap(GradedOf("s", "P", far, between_um=11.0)) == 9
    assert gap(GradedOf("s", "P", far, between_um=240.0)) == 1


@pytest.mark.parametrize("bscans", [(5,), (5, 90), (5, 6, 7)])
def test_too_few_bscans_are_all_trained_on_and_that_is_said(
    bscans: tuple[int, ...],
) -> None:
    found = choose_hold_out([GradedOf("s", "P", bscans)], {})
    assert found.validation == ()
    assert found.text.startswith(f"nothing of yours: of {len(bscans)} B-scan")


def test_blocks_are_where_nothing_was_trained_on() -> None:
    seen = frozenset(range(0, 60, 10))
    scan = GradedOf("s", "P", tuple(range(0, 100, 10)), trained_on=seen)
    ((_, first, last),) = blocks_of(scan)
    assert first >= 60
    assert last - first == 10


def test_where_all_was_trained_on_nothing_is_held_out() -> None:
    bscans = tuple(range(0, 100, 10))
    scan = GradedOf("s", "P", bscans, trained_on=frozenset(bscans))
    assert blocks_of(scan) == []


@given(
    st.lists(
        st.sets(st.integers(0, 60), min_size=1, max_size=30), min_size=1, max_size=4
    ),
    st.integers(0, 2),
    st.one_of(st.none(), st.floats(5, 300)),
    st.sets(st.integers(0, 60)),
)
def test_blocks_spare_enough_and_keep_their_distance(
    graded: list[set[int]],
    n_neighbours: int,
    between_um: float | None,
    seen: set[int],
) -> None:
    scans = [
        GradedOf(
            f"s{n}",
            "P",
            tuple(sorted(own)),
            between_um=between_um,
            trained_on=frozenset(seen & own),
        )
        for n, own in enumerate(graded)
    ]
    found = choose_hold_out(scans, {}, n_neighbours=n_neighbours).validation
    if not isinstance(found, BlocksHeldOut):
        return
    blocks = {block.scan: block for block in found.blocks}
    n_held_out = n_left = 0
    for scan in scans:
        block = blocks.get(scan.name)
        if block is None:
            n_left += len(scan.bscans)
            continue
        held = {i for i in scan.bscans if block.first <= i <= block.last}
        near = range(block.first - block.gap, block.last + block.gap + 1)
        trained = {i for i in scan.bscans if i not in near}
        assert held
        assert not held & scan.trained_on
        assert all(abs(a - b) > 1 + n_neighbours for a in held for b in trained)
        assert all(i not in near for i in scan.trained_on)
        n_held_out += len(held)
        n_left += len(trained)
    assert n_held_out >= 1
    assert 2 * n_left >= sum(len(scan.bscans) for scan in scans)
