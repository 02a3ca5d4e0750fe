"""Timings of a correction: what is made of the numbers."""

import json

import pytest

from benchmarks.interaction.livewire import answers
from benchmarks.interaction.report import (
    Deed,
    Drag,
    Report,
    Spread,
    as_markdown,
    longest_gap,
)


def spread(ms: float) -> Spread:
    return Spread(ms, 2 * ms, 3 * ms, ms / 2)


def test_a_spread_is_in_ms_and_its_processor_time_is_a_median() -> None:
    found = Spread.of([0.001, 0.002, 0.009], [0.001, 0.001, 0.005])
    assert found.median == pytest.approx(2)
    assert found.worst == pytest.approx(9)
    assert found.median < found.p95 < found.worst
    assert found.cpu == pytest.approx(1)


@pytest.mark.parametrize("cpu", [[], [0.1, 0.2]])
def test_a_spread_needs_both_times(cpu: list[float]) -> None:
    with pytest.raises(ValueError, match="times"):
        Spread.of([0.1][: len(cpu)], cpu)


def test_the_longest_gap_is_told_with_the_work_in_it() -> None:
    ticks = [(0.0, 0.0), (0.002, 0.001), (0.052, 0.011), (0.054, 0.013)]
    assert longest_gap(ticks) == pytest.approx((50, 10))
    assert longest_gap(ticks[:1]) == (0, 0)


def test_a_drag_is_compared_with_the_floor_and_with_a_frame() -> None:
    floor = Drag("image alone", spread(1), spread(20), 30, 10, 40)
    pen = Drag("pen", spread(5), spread(30), 60, 20, 25, release_ms=12)
    deed = Deed("undo", spread(40), 41)
    report = Report(floor=floor, drags=[pen], deeds=[deed], scene="a phantom")
    report.load = [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)]
    text = as_markdown(report)
    [row] = [line for line in text.splitlines() if line.startswith("| pen")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[3] == "30 % (15 %)"  # 5 and 2.5 of 16.7 ms
    assert cells[6:8] == ["10.0 (5.0)", "1.50 (1.50)"]
    assert cells[-1] == "12"
    tables = [block.splitlines() for block in text.split("\n\n")[:-1]]
    for table in tables:
        assert len({line.count("|") for line in table}) == 1
    assert "4.0, 5.0, 6.0" in text
    assert json.loads(json.dumps(report.as_json()))["drags"][0]["tool"] == "pen"


def test_what_draws_nothing_is_not_compared() -> None:
    floor = Drag("image alone", spread(1), spread(20), 30, 10, 40)
    still = Drag("no tool", spread(5), spread(5), 60, 20, 0)
    row = as_markdown(Report(floor=floor, drags=[still])).splitlines()[3]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == "no tool"
    assert cells[4:9] == ["–"] * 5


def test_without_a_window_only_the_live_wire_is_told_of() -> None:
    text = as_markdown(Report(answers={"one answer": spread(6)}))
    assert text.splitlines()[2] == "| one answer | 6.0 | 12.0 | 18.0 | 3.0 |"
    assert "drag" not in text


def test_the_live_wire_answers_for_both_reaches() -> None:
    found = answers(1)
    assert [name.startswith("one answer") for name in found] == [False] * 2 + [True] * 2
    assert all(0 < took.median <= took.worst for took in found.values())
