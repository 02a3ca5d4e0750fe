"""The events of a run: written by one process, followed by others."""

from __future__ import annotations

import json
import math
from pathlib import Path

from napari_octseg.engine.finetuning.events import (
    Event,
    EventLog,
    curves,
    read_events,
    seconds_left,
)
from napari_octseg.engine.progress import Progress


def step(done: int, **values: float) -> Event:
    return Event("training", done, 100, "", values, time_s=2.0 * done)


def test_events_are_read_on_from_where_one_was(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert read_events(path) == ([], 0)
    log = EventLog(path)
    log.add("training", Progress(1, 9, "erster µ", values={"loss": 0.5}))
    (first,), place = read_events(path)
    assert (first.phase, first.done, first.total) == ("training", 1, 9)
    assert (first.message, first.values) == ("erster µ", {"loss": 0.5})
    log.add("measuring", Progress(2, 9))
    (second,), place = read_events(path, place)
    assert second.phase == "measuring"
    assert read_events(path, place) == ([], place)


def test_figures_that_are_no_numbers_stay_readable_json(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    values = {"loss": math.nan, "rate": math.inf, "dice": 0.25}
    EventLog(path).add("training", Progress(1, 1, values=values))
    strict = json.loads(path.read_text(), parse_constant=lambda name: 1 / 0)
    assert strict["values"] == {"loss": None, "rate": None, "dice": 0.25}
    (event,), _ = read_events(path)
    assert math.isnan(event.values["loss"])
    assert event.values["dice"] == 0.25


def test_half_a_line_waits_and_a_torn_one_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventLog(path).add("training", Progress(1, 9))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])  # killed while writing
    events, place = read_events(path)
    assert [event.done for event in events] == [1]
    assert place == len(whole)
    EventLog(path).add("training", Progress(2, 9))  # the resumed worker
    events, _ = read_events(path, place)
    assert [event.done for event in events] == [2]


def test_steps_that_were_done_again_are_in_the_curves_once() -> None:
    crashed = [step(1, loss=1.0), step(2, loss=0.9, dice=0.5), step(3, loss=0.8)]
    again = [Event("preparing", 0, 1), step(3, loss=0.7), step(4, loss=0.6, dice=0.6)]
    found = curves([*crashed, *again])
    assert found["loss"] == [(1, 1.0), (2, 0.9), (3, 0.7), (4, 0.6)]
    assert found["dice"] == [(2, 0.5), (4, 0.6)]


def test_the_time_that_is_left_follows_from_the_pace() -> None:
    assert seconds_left([]) is None
    assert seconds_left([step(1)]) is None
    assert seconds_left([step(1), step(2), step(3)]) == 2.0 * 97
    measuring = Event("measuring", 1, 10, time_s=100.0)
    assert seconds_left([step(1), step(2), measuring]) is None
    assert seconds_left([step(1), step(2), Event("finished", 1, 1)]) is None
