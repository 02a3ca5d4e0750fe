r"""What fine-tuning between patients saves: the whole loop, by a simulated grader.

    python -m benchmarks.finetune_bases duke without.json
    napari-octseg train without.json --data DATA --run RUN --out BUNDLES
    python -m benchmarks.loop --data DATA --base BUNDLES/fluid-without-duke \
        --work WORK --json loop.json
    python -m benchmarks.loop_plot loop.json docs/images/loop.png

Four patients of the Duke set come one after the other (eleven B-scans each, diabetic
macular oedema), to a model that knows no scan of that set. It segments all B-scans of a
patient; the queue says which is next; the simulated grader (`benchmarks.grading`)
corrects each to Dice 0.95 and accepts it with a key. Then the B-scans, as the grader
left them, go into the ground truth, the model is fine-tuned on all of it, and the gate
decides: unless the candidate is worse, the next patient is segmented by it. The same
without any fine-tuning is what it is compared with.

Each patient is written when she or he is done; the same command goes on from there.
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

from benchmarks.finetuning.domains import DOMAINS, graded, training_bscans
from benchmarks.finetuning.rounds import Corrected, by_patient, correct_patient
from benchmarks.finetuning.tuning import add_to_data_set, fine_tuned
from benchmarks.grading.fluid_cases import FluidCase, said_by
from benchmarks.grading.tables import percent, table
from napari_octseg.engine.finetuning.candidates import accept, discard
from napari_octseg.engine.finetuning.settings import FineTuneSettings
from napari_octseg.io.atomic import written_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_octseg.engine.data.datasets import LabelledBscan

DOMAIN = DOMAINS["duke"]
PATIENTS = ("1", "2", "3", "5")
FIXED, TUNED = "without", "with"
"""Ways: without and with fine-tuning between patients."""


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
    for number, patient in enumerate(PATIENTS):
        for way in (FIXED, TUNED):
            if not loop.has(way, patient):
                loop.correct(way, number)
        if number + 1 < len(PATIENTS):
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
        self.bscans = {p: [b for b in every if b.patient == p] for p in PATIENTS}

    def has(self, way: str, patient: str) -> bool:
        """Whether a patient is done."""
        return any((row.way, row.patient) == (way, patient) for row in self.rows)

    def correct(self, way: str, number: int) -> None:
        """Have a patient segmented and corrected."""
        patient = PATIENTS[number]
        model = self.models[number if way == TUNED else 0]
        bscans = self.bscans[patient]
        case = case_of(bscans, model)
        names = [bscan.name for bscan in bscans]
        found, masks = correct_patient(
            case, names, way, patient, Path(model).name, n_hands=self.asked.hands
        )
        if way == TUNED:
            np.savez_compressed(self._masks(patient), masks=np.stack(masks))
        self.rows += found
        with written_whole(self.asked.json) as target:
            values = [asdict(row) for row in self.rows]
            target.write_text(json.dumps(values, indent=1), encoding="utf-8")
        total = sum(row.actions for row in found)
        print(f"{way}, patient {patient}: {total:.0f} actions", flush=True)

    def learn(self, number: int) -> None:
        """Fine-tune on all patients up to this one; keep it unless it is worse."""
        if len(self.models) > number + 1:
            return
        run = self.asked.work / "run"
        shutil.rmtree(run, ignore_errors=True)
        data_set = self._data_set(PATIENTS[number])
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
            model = accept(candidate, f"after-patient-{PATIENTS[number]}").name
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

    def _data_set(self, patient: str) -> Path:
        """The one data set, which gets a patient more each time."""
        folder = Path(self.asked.work / "data")
        masks = np.load(self._masks(patient))["masks"]
        scans = [
            graded(bscan, DOMAIN, mask.astype(np.uint8))
            for bscan, mask in zip(self.bscans[patient], masks, strict=True)
        ]
        add_to_data_set(scans, DOMAIN, folder)
        return folder

    def _masks(self, patient: str) -> Path:
        return Path(self.asked.work / f"corrected-{patient}.npz")


def case_of(bscans: Sequence[LabelledBscan], model: str) -> FluidCase:
    """B-scans of a patient, and what a model says of them."""
    label = 1  # the only class of the labels
    images: list[NDArray[np.float32]] = []
    said = []
    for bscan in bscans:
        images.append(bscan.volume.bscan_as_shown(bscan.index))
        said.append(said_by(model, bscan.volume))
    return FluidCase(
        DOMAIN.source,
        images,
        [bscan.codes == label for bscan in bscans],
        [mask[0] for mask, _ in said],
        [unsure[0] for _, unsure in said],
    )


def show(rows: Sequence[Corrected]) -> str:
    """Actions for each patient, without and with fine-tuning."""
    ways = [[row for row in rows if row.way == way] for way in (FIXED, TUNED)]
    without, tuned = (by_patient(way) for way in ways)
    dice = [
        {p: np.mean([r.dice_before for r in way if r.patient == p]) for p in PATIENTS}
        for way in ways
    ]
    lines = [
        [
            patient,
            f"{without[patient]:.0f}",
            f"{tuned[patient]:.0f}",
            f"{dice[0][patient]:.2f}",
            f"{dice[1][patient]:.2f}",
        ]
        for patient in without
    ]
    totals = [sum(one.values()) for one in (without, tuned)]
    saved = percent(1 - totals[1] / totals[0])
    lines.append(["all", *(f"{n:.0f}" for n in totals), f"{saved} fewer", ""])
    head = [
        "patient",
        "actions",
        "with fine-tuning",
        "Dice of the model",
        "with fine-tuning",
    ]
    return table(head, lines)


if __name__ == "__main__":
    main()
