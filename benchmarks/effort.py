"""How many actions a grader needs, with the brush alone and with our tools.

    python -m benchmarks.effort --data DATA --json effort.json   # with real scans
    python -m benchmarks.effort                                  # phantoms only
    python -m benchmarks.effort --quick                          # small phantoms

A simulated grader is given the truth and uses the tools of the product as a person
would: looks where most is wrong, takes what promises most per action, hits a pixel
beside what was meant (`benchmarks.grading.hand`), and takes back what made it worse.
Truth never gets into the labels but through a click or a stroke. What actions cost is
stated in `benchmarks.grading.cost`; the brush is used as well as it can be: best disc,
no spot spared that will be painted over, class and size chosen for nothing.

Real scans are those that the models were not trained on. `DATA` has the folders that
the recipes of the models name.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.grading import cost
from benchmarks.grading.boundary_tools import correct_layers
from benchmarks.grading.brush_layers import paint_layers
from benchmarks.grading.brush_regions import MOST_ACTIONS, TARGETS, paint_regions
from benchmarks.grading.fluid_cases import (
    phantom_fluid,
    real_fluid,
    run_of_neighbours,
)
from benchmarks.grading.hand import ERROR_PX, Hand
from benchmarks.grading.layer_cases import (
    error_px,
    phantom_case,
    real_cases,
    volumes_among,
)
from benchmarks.grading.order import compare_orders
from benchmarks.grading.propagation import (
    correct_with_propagation,
    every_kth,
    every_kth_region,
)
from benchmarks.grading.region_tools import correct_regions
from benchmarks.grading.sight import Sight
from benchmarks.grading.tables import actions, percent, table, times_fewer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.grading.brush_regions import Filled
    from benchmarks.grading.fluid_cases import FluidCase
    from benchmarks.grading.layer_cases import LayerCase

SEED = 1000  # phantoms of the recipes have lower ones
FLUID_ERROR_PX = ERROR_PX / 2  # fluid is corrected at twice the magnification of layers
MOST_BSCANS = 3  # of each case, corrected one by one
STEPS = (2, 4, 8)

Row = dict[str, Any]


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(description="Actions of a simulated grader")
    parser.add_argument("--data", type=Path, help="folder of real, labelled scans")
    parser.add_argument("--quick", action="store_true", help="small phantoms only")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    layers, sets = _layer_cases(asked.data, quick=asked.quick)
    fluid, runs = _fluid_cases(asked.data, quick=asked.quick)
    print(costs(), flush=True)
    found: dict[str, list[Row]] = {}
    for name, rows, show in (
        ("layers", (layer_effort(case) for case in layers), show_layers),
        ("fluid", (row for case in fluid for row in fluid_effort(case)), show_fluid),
        ("every", (r for one in _every(layers, runs) for r in one), show_every),
        ("order", (order_of(case) for case in sets), show_order),
    ):
        found[name] = list(rows)
        print("\n" + show(found[name]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def _layer_cases(
    data: Path | None, *, quick: bool
) -> tuple[list[LayerCase], list[LayerCase]]:
    """Those to correct, and those in which the order is chosen."""
    if quick:
        small = phantom_case(
            "phantom, IRF + SRF", (5, 256, 256), seed=SEED, findings=("IRF", "SRF")
        )
        return [small], [small]
    phantoms = [
        phantom_case(
            "phantom, IRF + SRF",
            (17, 496, 384),
            seed=SEED,
            findings=("IRF", "SRF"),
        ),
        phantom_case(
            "phantom, PED + drusen, Topcon look",
            (9, 496, 384),
            seed=SEED + 1,
            findings=("PED", "drusen"),
            look="topcon",
        ),
    ]
    real = real_cases(data) if data else []
    volumes = [volume for case in real for volume in volumes_among(case, least=5)]
    alone = [case for case in real if case.n_bscans < 5]
    return [*phantoms, *alone, *volumes], [
        *phantoms,
        *(case for case in real if case.n_bscans >= 5),
    ]


def _fluid_cases(
    data: Path | None, *, quick: bool
) -> tuple[list[FluidCase], list[FluidCase]]:
    """Those to correct, and those whose B-scans are neighbours."""
    findings = ("IRF", "SRF")
    if quick:
        small = phantom_fluid(
            "phantom, IRF + SRF", (5, 256, 256), seed=SEED, findings=findings
        )
        return [small], [small]
    phantom = phantom_fluid(
        "phantom, IRF + SRF", (9, 496, 384), seed=SEED, findings=findings
    )
    if data is None:
        return [phantom], [phantom]
    run = run_of_neighbours(data)
    return [phantom, *real_fluid(data)], [phantom, *([run] if run else [])]


def costs() -> str:
    """The cost model in words."""
    return (
        f"An action is a click, a drag or a key. Seconds: {cost.MENTAL_S} to think, "
        f"{cost.POINT_S} to point, {cost.CLICK_S} a click, {cost.DRAG_S} a drag + "
        f"{100 / cost.EDGE_PX_PER_S:.1f} for 100 px along an edge or "
        f"{100 / cost.FILL_PX_PER_S:.2f} to fill, {cost.KEY_S} a key or notch. A drag "
        f"ends after {cost.EDGE_STROKE_PX:.0f} px along an edge, "
        f"{cost.FILL_STROKE_PX:.0f} px when filling. The hand misses by {ERROR_PX:g} "
        f"px (standard deviation; {FLUID_ERROR_PX:g} px for fluid)."
    )


def _some(bscans: Sequence[int]) -> list[int]:
    """A few B-scans, spread over all of them."""
    n = min(MOST_BSCANS, len(bscans))
    return [bscans[i] for i in np.linspace(0, len(bscans) - 1, n).round().astype(int)]


def layer_effort(case: LayerCase) -> Row:
    """Actions and seconds of a B-scan until its mean boundary error is 1 px."""
    row: Row = {"case": case.name, "n_bscans": case.n_bscans}
    bscans = _some(range(case.n_bscans))
    for start in ("empty", "model"):
        heights = np.array(case.predicted)
        if start == "empty":
            heights[:] = np.nan
        row[f"{start} error"] = error_px(heights, case.truth)
        each: dict[str, list[Any]] = {"brush": [], "tools": []}
        for b in bscans:
            truth, begun = case.truth[:, b], heights[:, b]
            depth = case.images.shape[1]
            each["brush"].append(paint_layers(truth, begun, depth, Hand(b)))
            sight = Sight(case.images[b], case.boundaries)
            each["tools"].append(correct_layers(sight, truth, begun, Hand(b)))
        for way, done in each.items():
            row[f"{start} {way}"] = _mean(
                (one.tally.actions, one.tally.seconds) for one in done
            )
            row[f"{start} {way} left"] = max(one.error_px for one in done)
        if case.neighbours:
            graded = correct_with_propagation(
                case, Hand(0), from_model=start == "model"
            )
            n = case.n_bscans
            row[f"{start} propagated"] = (
                graded.tally.actions / n,
                graded.tally.seconds / n,
            )
            row[f"{start} propagated left"] = max(graded.errors)
    return row


def _mean(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    a, b = np.mean(list(pairs), axis=0)
    return float(a), float(b)


def show_layers(rows: list[Row]) -> str:
    """Actions per B-scan for layers."""
    lines = []
    for row in rows:
        for start in ("empty", "model"):
            brush, tools = row[f"{start} brush"], row[f"{start} tools"]
            more = row.get(f"{start} propagated")
            name = "empty" if start == "empty" else f"{row['model error']:.1f} px"
            lines.append(
                [
                    row["case"],
                    name,
                    actions(*brush),
                    actions(*tools),
                    times_fewer(brush[0], tools[0]),
                    actions(*more) if more else "–",
                    times_fewer(brush[0], more[0]) if more else "–",
                ]
            )
    head = ["layers to 1 px", "start", "brush", "tools", "", "+ propagation", ""]
    return table(head, lines)


def fluid_effort(case: FluidCase) -> list[Row]:
    """Actions and seconds of a B-scan until its Dice is high enough, by target."""
    rows: list[Row] = [
        {"case": case.name, "target": t, "most": MOST_ACTIONS} for t in TARGETS
    ]
    for start in ("empty", "model"):
        done: dict[str, list[Filled]] = {"brush": [], "tools": []}
        bscans = _some(case.with_fluid)
        for b in bscans:
            image, truth, said = case.around(b)
            begun = said if start == "model" else np.zeros_like(truth)
            done["brush"].append(paint_regions(truth, begun, Hand(b, FLUID_ERROR_PX)))
            done["tools"].append(
                correct_regions(image, truth, begun, Hand(b, FLUID_ERROR_PX))
            )
        for row in rows:
            row["n_bscans"] = len(bscans)
            for way, each in done.items():
                # Those that never got there count with all that was tried.
                row[f"{start} {way}"] = _mean(
                    one.at.get(row["target"], (one.tally.actions, one.tally.seconds))
                    for one in each
                )
                row[f"{start} {way} there"] = sum(row["target"] in o.at for o in each)
    return rows


def show_fluid(rows: list[Row]) -> str:
    """Actions per B-scan for fluid."""
    lines = []
    for row in rows:
        for start in ("empty", "model"):
            brush, tools = row[f"{start} brush"], row[f"{start} tools"]
            there = [row[f"{start} {way} there"] for way in ("brush", "tools")]
            lines.append(
                [
                    row["case"],
                    f"{row['target']:.2f}",
                    start,
                    actions(*brush),
                    actions(*tools),
                    times_fewer(brush[0], tools[0]),
                    f"{there[0]} and {there[1]} of {row['n_bscans']}",
                ]
            )
    head = ["fluid", "Dice", "start", "brush", "tools", "", "got there"]
    return table(head, lines)


def _every(layers: list[LayerCase], runs: list[FluidCase]) -> Iterable[list[Row]]:
    for case in layers:
        if not case.neighbours:
            continue
        steps = tuple(k for k in STEPS if k < case.n_bscans)
        for from_model in (True, False):
            start = "model" if from_model else "middle B-scan copied"
            reached = every_kth(case, Hand(0), from_model=from_model, steps=steps)
            what = f"{case.name}, layers"
            yield [{"case": what, "start": start, **asdict(one)} for one in reached]
    for run in runs:
        steps = tuple(k for k in STEPS if k < len(run.truth))
        start = "model" if any(mask.any() for mask in run.predicted) else "empty"
        what = f"{run.name}, fluid"
        yield [
            {"case": what, "start": start, **asdict(one)}
            for one in every_kth_region(run, steps)
        ]


def show_every(rows: list[Row]) -> str:
    """Accuracy after correcting every k-th B-scan."""
    lines = []
    for case, start in dict.fromkeys((row["case"], row["start"]) for row in rows):
        of = {r["step"]: r for r in rows if (r["case"], r["start"]) == (case, start)}
        errors = [f"{of[k]['error']:.2f}" for k in (0, 1)]
        shares = [
            f"{percent(of[k]['share'])} ({of[k]['error']:.2f})" if k in of else "–"
            for k in STEPS
        ]
        lines.append([case, start, *errors, *shares])
    head = [
        "share of the improvement (error: px, or 1 − Dice)",
        "start",
        "nothing corrected",
        "all",
        *(f"every {k}" for k in STEPS),
    ]
    return table(head, lines)


def order_of(case: LayerCase) -> Row:
    """Area under the falling error, by order."""
    before = [
        error_px(case.predicted[:, b], case.truth[:, b]) for b in range(case.n_bscans)
    ]
    hand = Hand(0)
    after = []
    for b, error in enumerate(before):
        drawn = np.stack([row + hand.along(len(row)) for row in case.truth[:, b]])
        # Nobody makes a B-scan worse that is good already.
        after.append(min(error, error_px(drawn, case.truth[:, b])))
    falling = compare_orders(case.evidence, before, after)
    return {
        "case": case.name,
        "n_bscans": case.n_bscans,
        "curves": {name: curve.tolist() for name, curve in falling.curves.items()},
        **{name: falling.area(name) for name in falling.curves},
    }


def show_order(rows: list[Row]) -> str:
    """Area under the falling error; the lower, the better."""
    orders = ("what next", "sequential", "random", "best")
    lines = [
        [row["case"], str(row["n_bscans"]), *(f"{row[o]:.3f}" for o in orders)]
        for row in rows
    ]
    return table(["mean error while correcting, px", "B-scans", *orders], lines)


if __name__ == "__main__":
    main()
