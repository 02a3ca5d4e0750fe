"""The benchmarks of fine-tuning take what they say, and their figures add up."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks.finetuning.domains import (
    DOMAINS,
    changed_recipe,
    drawn,
    full_recipe,
    graded,
    source_of,
    true_labels,
)
from benchmarks.finetuning.measure import mean_dice, old_sources
from benchmarks.finetuning.results import (
    ALL,
    BASE,
    FINE_TUNED,
    Cell,
    Results,
    recovered,
    summary,
)
from benchmarks.finetuning.rounds import (
    Corrected,
    Eye,
    by_group,
    correct_group,
    order_of,
    running_total,
)
from benchmarks.loop import FIXED, TUNED, show
from benchmarks.loop_plot import draw
from napari_octseg.boundaries import boundary_names
from napari_octseg.bundles.score import Score, Support
from napari_octseg.engine.data.datasets import LabelledBscan, code_table
from napari_octseg.labels import IGNORE
from napari_octseg.volume import OCTVolume


@pytest.mark.parametrize("name", sorted(DOMAINS))
def test_a_base_knows_all_but_one_data_set(name: str) -> None:
    domain = DOMAINS[name]
    full, base = full_recipe(domain), changed_recipe(domain)
    whole = changed_recipe(domain, whole=True)
    names = [source.name for source in full.sources]
    assert [s.name for s in base.sources] == [n for n in names if n != domain.source]
    assert [source.name for source in whole.sources] == names
    rest = [s for s in whole.sources if s.name != domain.source]
    same = {"name": "", "sources": rest}
    assert base.model_copy(update=same) == whole.model_copy(update=same)
    assert list(base.sources) == rest
    assert not base.start  # no weights that have seen it
    folder = source_of(domain).folder
    assert not any(source.folder == folder for source in base.sources)
    for source in base.sources:
        before = next(s for s in full.sources if s.name == source.name)
        extra = set(domain.exclude.get(source.name, ()))
        assert set(source.exclude) == set(before.exclude) | extra
    assert old_sources(base)


def bscan(name: str, shape: tuple[int, int], rows: slice, label: int) -> LabelledBscan:
    """A B-scan of the domain with one label in some rows."""
    domain = DOMAINS[name]
    source = source_of(domain)
    codes = np.zeros(shape, np.uint8)
    codes[rows] = label
    codes[:, -1] = IGNORE
    pixels = np.random.default_rng(label).integers(0, 250, (1, *shape), np.uint8)
    image = OCTVolume(pixels)
    return LabelledBscan(f"{name}-{label}", "7", source, image, 0, codes, False)


def test_fluid_that_is_not_told_apart_is_one_class() -> None:
    fluid = bscan("duke", (30, 20), slice(10, 15), 1)
    scan = graded(fluid, DOMAINS["duke"])
    assert scan.label_set.names == ("background", "fluid")
    assert scan.patient == "patient-7"
    np.testing.assert_array_equal(scan.labels[0], fluid.codes)
    drawn_by_hand = np.zeros((30, 20), np.uint8)
    scan = graded(fluid, DOMAINS["duke"], drawn_by_hand)
    assert not scan.labels.any()


def test_what_may_be_background_is_no_class_of_the_grader() -> None:
    domain = DOMAINS["mendeley"]
    full = full_recipe(domain)
    code = code_table(source_of(domain), full.classes).names.index("RPE")
    retina = bscan("mendeley", (30, 20), slice(10, 15), code)
    scan = graded(retina, domain)
    assert scan.label_set.names == full.classes[:-1], "all but the choroid"
    assert scan.layers == full.layers[:-1]
    labels = true_labels(retina, domain)
    assert (labels[10:15, :-1] == scan.label_set.index("RPE")).all()
    assert not labels[:10, :-1].any()
    assert not labels[15:, :-1].any()
    assert (labels[:, -1] == IGNORE).all()


def test_more_bscans_hold_those_drawn_before_and_findings_come_first() -> None:
    empty = [bscan("duke", (30, 20), slice(0, 0), 0) for _ in range(6)]
    full = [bscan("duke", (30, 20), slice(4, 20), 1) for _ in range(4)]
    every = [*empty, *full]
    for seed in range(3):
        five = drawn(every, 5, seed)
        assert five[:2] == drawn(every, 2, seed)
        assert all(one.codes.any() for one in five[:4])
        assert not five[4].codes[:, :-1].any()
    assert drawn(every, 9, 0) != drawn(every, 9, 1)
    assert len(drawn(every, 99, 0)) == 10


def cell(way: str, n: int, seed: int, dice: float, old: float) -> Cell:
    return Cell(way, n, seed, dice, {"a": old, "b": old}, 12.0)


def test_what_is_measured_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    results = Results(path)
    one = Cell(FINE_TUNED, 5, 0, 0.5, {"a": 0.25}, 60.5, 50.0, ("better", "a note"))
    results.add(one)
    assert results.has(FINE_TUNED, 5, 0)
    again = Results(path)
    assert again.cells == [one]
    assert not again.has(FINE_TUNED, 5, 1)
    again.add(cell(BASE, 0, 0, 0.1, 0.3))
    assert len(Results(path).cells) == 2
    again.put(0, dataclasses.replace(one, dice=0.75))
    assert [c.dice for c in Results(path).cells] == [0.75, 0.1]


def test_the_gap_is_between_the_base_and_all_of_it() -> None:
    assert recovered(0.5, 0.4, 0.6) == pytest.approx(0.5)
    assert recovered(0.3, 0.4, 0.6) == pytest.approx(-0.5)
    assert np.isnan(recovered(0.5, 0.6, 0.6)), "there is no gap"
    cells = [
        cell(BASE, 0, 0, 0.4, 0.80),
        cell(ALL, 13, 0, 0.6, 0.82),
        cell(FINE_TUNED, 5, 0, 0.45, 0.79),
        cell(FINE_TUNED, 5, 1, 0.55, 0.77),
    ]
    rows = {(row[0], row[1]): row[2:] for row in summary(cells)}
    tuned = rows[FINE_TUNED, "5"]
    assert tuned == ["0.500 (0.450–0.550)", "50%", "0.780", "-0.020", "12"]
    assert rows[BASE, "–"][1] == rows[ALL, "13"][1] == "–"


def test_a_class_that_nobody_labelled_takes_no_part() -> None:
    seen, unseen = (Support(n_images=n, n_patients=n) for n in (3, 0))
    score = Score(
        data="x",
        split="held out",
        n_images=3,
        n_patients=3,
        dice={"mean": 0.4, "IRF": 0.8, "PED": 0.0},
        iou={},
        precision={},
        recall={},
        support={"IRF": seen, "PED": unseen},
    )
    assert mean_dice(score) == 0.8
    nothing = score.model_copy(update={"support": {"PED": unseen}})
    assert np.isnan(mean_dice(nothing))


def disc(row: int, column: int, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:80, :90]
    return np.asarray(np.hypot(rows - row, columns - column) <= radius)


def eye(name: str, shift: float, unsure: float) -> Eye:
    """Two bright layers, and a model that puts them `shift` px too deep."""
    depth, width = 60, 80
    truth = np.stack([np.full(width, y, np.float32) for y in (20.5, 30.5, 40.5)])
    rows = np.arange(depth)[:, None]
    image = np.where(rows < 20.5, 0.1, np.where(rows < 30.5, 0.9, 0.5))
    image = np.where(rows > 40.5, 0.15, image) * np.ones((1, width))
    noise = np.random.default_rng(1).normal(0, 0.02, image.shape)
    return Eye(
        name,
        (image + noise).astype(np.float32),
        boundary_names(("RNFL", "GCIPL")),
        truth,
        truth + np.float32(shift),
        np.full(width, unsure, np.float32),
    )


def test_each_bscan_is_corrected_and_accepted() -> None:
    eyes = [eye("right", 0, 0.1), eye("wrong", 6, 0.8), eye("nearly", 0.5, 0.2)]
    assert order_of(eyes)[0] == 1, "where the model is least sure"
    rows, left = correct_group(eyes, FIXED, "1", "base")
    of = {row.bscan: row for row in rows}
    assert of["right"].actions == of["nearly"].actions == 1, "a key alone"
    assert of["wrong"].before_px == pytest.approx(6)
    assert of["wrong"].after_px <= 1
    assert of["wrong"].actions > 1
    assert all(row.seconds > 0 for row in rows)
    assert np.abs(left["wrong"] - eyes[1].truth).mean() <= 1
    _, again = correct_group(eyes, FIXED, "1", "base", n_hands=2)
    np.testing.assert_array_equal(again["wrong"], left["wrong"])


def rows_of(way: str, each: dict[str, tuple[int, ...]]) -> list[Corrected]:
    return [
        Corrected(way, group, f"{group}-{i}", "m", n, 2.0 * n, 3.0, 0.9)
        for group, actions in each.items()
        for i, n in enumerate(actions)
    ]


def test_actions_add_up(tmp_path: Path) -> None:
    without = rows_of(FIXED, {"1": (5, 5), "2": (8, 2), "3": (20,), "4": (10,)})
    tuned = rows_of(TUNED, {"1": (5, 5), "2": (4, 1), "3": (5,), "4": (5,)})
    assert running_total(without) == [0, 5, 10, 18, 20, 40, 50]
    assert by_group(tuned) == {"1": 10, "2": 5, "3": 5, "4": 5}
    text = show([*without, *tuned])
    assert "| all | 50 | 25 | 50 % fewer |" in text
    draw([*without, *tuned], tmp_path / "loop.png")
    assert (tmp_path / "loop.png").stat().st_size > 5000
