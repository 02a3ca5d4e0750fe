r"""What fine-tuning between eyes saves: the whole loop, by a simulated grader.

    python -m benchmarks.finetune_bases mendeley without.json
    napari-octseg train without.json --data DATA --run RUN --out BUNDLES
    python -m benchmarks.loop --data DATA --base BUNDLES/base-without-mendeley \
        --work WORK --json loop.json
    python -m benchmarks.loop_plot loop.json docs/images/loop.png

The thirteen B-scans of the Mendeley set that models are trained on, each of another
eye, come in four groups to a model that knows no scan of that set. It segments a group;
the queue says which is next; the simulated grader (`benchmarks.grading`) corrects the
layers of each to a mean boundary error of 1 px and accepts it with a key. Then the
B-scans, as the grader left them, go into the ground truth, the model is fine-tuned on
all of it, and the gate decides: unless the candidate is worse, the next group is
segmented by it. The same without any fine-tuning is what it is compared with.

Each group is written when it is done; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks.finetuning.domains import (
    DOMAINS,
    graded,
    label_set_of,
    training_bscans,
    true_labels,
)
from benchmarks.finetuning.rounds import Corrected, Eye, by_group, correct_group
from benchmarks.finetuning.tuning import add_to_data_set, fine_tuned
from benchmarks.grading.tables import percent, table
from napari_octseg import segment
from napari_octseg.boundaries import (
    boundaries_to_labels,
    boundary_names,
    labels_to_boundaries,
)
from napari_octseg.engine.finetuning.candidates import accept, discard
from napari_octseg.engine.finetuning.settings import FineTuneSettings
from napari_octseg.engine.inference import Segmentation
from napari_octseg.io.atomic import written_whole
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_octseg.engine.data.datasets import LabelledBscan

DOMAIN = DOMAINS["mendeley"]
N_GROUPS = 4
FIXED, TUNED = "without", "with"
"""Ways: without and with fine-tuning between groups."""


def main() -> None:
    """Measure what is missing, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="The whole loop, measured")
    parser.add_argument("--data", type=Path, required=True, help="labelled data sets")
    parser.add_argument("--base", type=Path, required=True, help="folder of the base")
    parser.add_argument("--work", type=Path, required=True, help="for runs and bundles")
    parser.add_argument(
        "--json", type=Path, required=True, help="figures; gone on with"
    )
    parser.add_argument("--hands", type=int, default=3, help="graders, averaged")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--steps", type=int, help="instead of those of the preset")
    parser.add_argument("--minutes", type=float, help="instead of those of the preset")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    loop = Loop(asked)
    for number in range(N_GROUPS):
        for way in (FIXED, TUNED):
            if not loop.has(way, number):
                loop.correct(way, number)
        if number + 1 < N_GROUPS:
            loop.learn(number)
    print(show(loop.rows))


class Loop:
    """The loop and its state on disk."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.rows: list[Corrected] = []
        if asked.json.is_file():
            found = json.loads(asked.json.read_text("utf-8"))
            self.rows = [Corrected(**row) for row in found]
        asked.work, asked.data = asked.work.resolve(), asked.data.resolve()
        asked.work.mkdir(parents=True, exist_ok=True)
        # What is accepted becomes a model of this benchmark, not of the user.
        os.environ["NAPARI_OCTSEG_MODELS"] = str((asked.work / "models").resolve())
        every = training_bscans(DOMAIN, asked.data)
        # Eyes that look alike are apart: the set counts them in order.
        self.groups = [every[number::N_GROUPS] for number in range(N_GROUPS)]

    def has(self, way: str, number: int) -> bool:
        """Whether a group is done."""
        return any((row.way, row.group) == (way, str(number + 1)) for row in self.rows)

    def correct(self, way: str, number: int) -> None:
        """Have a group segmented and corrected."""
        model = self.models[number if way == TUNED else 0]
        eyes = [eye_of(bscan, model) for bscan in self.groups[number]]
        found, left = correct_group(
            eyes, way, str(number + 1), Path(model).name, n_hands=self.asked.hands
        )
        if way == TUNED:
            np.savez_compressed(self._left(number), **left)
        self.rows += found
        with written_whole(self.asked.json) as target:
            values = [asdict(row) for row in self.rows]
            target.write_text(json.dumps(values, indent=1), encoding="utf-8")
        total = sum(row.actions for row in found)
        print(f"{way}, group {number + 1}: {total:.0f} actions", flush=True)

    def learn(self, number: int) -> None:
        """Fine-tune on all groups up to this one; keep it unless it is worse."""
        if len(self.models) > number + 1:
            return
        run = self.asked.work / "run"
        shutil.rmtree(run, ignore_errors=True)
        data_set = self._data_set(number)
        tuned = fine_tuned(
            FineTuneSettings(
                model=self.models[number],
                data_set=data_set,
                run=run,
                preset=self.asked.preset,
                n_steps=self.asked.steps,
                minutes=self.asked.minutes,
                replay=self.asked.data,
                device="cpu",
            )
        )
        candidate = tuned.candidate
        print(f"{tuned.seconds:.0f} s: {candidate.comparison.text}", flush=True)
        model = self.models[number]
        if candidate.comparison.verdict == "worse":
            discard(candidate)
        else:
            model = accept(candidate, f"after-group-{number + 1}").name
        with written_whole(self._state) as target:
            models = [*self.models[1:], model]
            target.write_text(json.dumps(models), encoding="utf-8")

    @property
    def models(self) -> list[str]:
        """The base, and what each round has left."""
        later: list[str] = []
        if self._state.is_file():
            later = json.loads(self._state.read_text("utf-8"))
        return [str(self.asked.base.resolve()), *later]

    @property
    def _state(self) -> Path:
        return Path(self.asked.work / "models.json")

    def _data_set(self, number: int) -> Path:
        """The one data set, which gets a group more each time."""
        folder = Path(self.asked.work / "data")
        left = np.load(self._left(number))
        scans = [
            graded(bscan, DOMAIN, labels_of(bscan, left[bscan.name]))
            for bscan in self.groups[number]
        ]
        add_to_data_set(scans, DOMAIN, folder)
        return folder

    def _left(self, number: int) -> Path:
        return Path(self.asked.work / f"corrected-{number + 1}.npz")


def eye_of(bscan: LabelledBscan, model: str) -> Eye:
    """A B-scan, its true boundaries, and what a model says of them."""
    label_set, layers = label_set_of(DOMAIN)
    names = boundary_names(layers)
    indices = [label_set.index(name) for name in layers]
    truth = labels_to_boundaries(true_labels(bscan, DOMAIN)[None], indices)[:, 0]
    said = segment(bscan.volume, model, device="cpu", bscans=[bscan.index])
    assert isinstance(said, Segmentation)
    assert said.boundaries is not None
    at = [said.boundaries.names.index(name) for name in names]
    return Eye(
        bscan.name,
        bscan.volume.bscan_as_shown(bscan.index),
        names,
        truth,
        said.boundaries.heights[at, bscan.index],
        said.uncertainty[bscan.index],
    )


def labels_of(bscan: LabelledBscan, heights: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(depth, width) labels of corrected boundaries; nobody judges other columns."""
    label_set, layers = label_set_of(DOMAIN)
    indices = [label_set.index(name) for name in layers]
    depth = bscan.codes.shape[0]
    labels = boundaries_to_labels(heights[:, None], depth, indices)[0]
    # What lies below the layers may be choroid, which the grader does not draw.
    return np.where(true_labels(bscan, DOMAIN) == IGNORE, np.uint8(IGNORE), labels)


def show(rows: Sequence[Corrected]) -> str:
    """Actions for each group, without and with fine-tuning."""
    ways = [[row for row in rows if row.way == way] for way in (FIXED, TUNED)]
    without, tuned = (by_group(way) for way in ways)
    error = [
        {g: np.mean([r.before_px for r in way if r.group == g]) for g in without}
        for way in ways
    ]
    lines = [
        [
            group,
            f"{without[group]:.0f}",
            f"{tuned[group]:.0f}",
            f"{error[0][group]:.1f}",
            f"{error[1][group]:.1f}",
        ]
        for group in without
    ]
    totals = [sum(one.values()) for one in (without, tuned)]
    saved = percent(1 - totals[1] / totals[0])
    lines.append(["all", *(f"{n:.0f}" for n in totals), f"{saved} fewer", ""])
    head = [
        "group",
        "actions",
        "with fine-tuning",
        "error of the model, px",
        "with fine-tuning",
    ]
    return table(head, lines)


if __name__ == "__main__":
    main()
