r"""What a few corrected B-scans of a new hospital give, and what none at all give.

    python -m benchmarks.finetune --data DATA --domain duke --work WORK \
        --base BUNDLES/fluid-without-duke --whole BUNDLES/fluid-with-duke \
        --json duke.json

A model is trained without one data set (`benchmarks.finetune_bases`), then fine-tuned
on 1, 2, 5, 10 and 20 of its B-scans as the Fine-tune tab does it (preset *quick*,
ground truth in a data set, replay of what the model was trained on), or adapted to its
scans without any label. Dice is that of held-out patients of the new data set and, for
what was forgotten, of the old ones. A model trained on all of it is the other end of
the gap.

Each figure is written when it is measured; the same command goes on after an
interruption, and with the same --json only prints what is there. With --again the
models in WORK are measured anew, without being trained.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from benchmarks.finetuning.domains import (
    DOMAINS,
    drawn,
    full_recipe,
    training_bscans,
)
from benchmarks.finetuning.measure import measured, old_sources
from benchmarks.finetuning.results import (
    ALL,
    BASE,
    FINE_TUNED,
    HEAD,
    Cell,
    Results,
    summary,
)
from benchmarks.finetuning.tuning import (
    ADAPTED,
    adapted,
    add_to_data_set,
    fine_tuned,
    truth_of,
)
from benchmarks.grading.tables import table
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.finetuning.settings import FineTuneSettings
from napari_octseg.engine.recipe import read_recipe

if TYPE_CHECKING:
    from benchmarks.finetuning.domains import Domain


def main() -> None:
    """Measure what is missing, and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Fine-tuning and adaptation, measured")
    parser.add_argument("--data", type=Path, required=True, help="labelled data sets")
    parser.add_argument("--base", type=Path, required=True, help="folder of the base")
    parser.add_argument("--whole", type=Path, help="trained on all; the shipped one")
    parser.add_argument("--domain", choices=sorted(DOMAINS), required=True)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 2, 5, 10, 20])
    parser.add_argument("--seeds", type=int, default=3, help="draws of each size")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--steps", type=int, help="instead of those of the preset")
    parser.add_argument("--minutes", type=float, help="instead of those of the preset")
    parser.add_argument(
        "--looks",
        action="store_true",
        help="give training scans the look of all the domain's scans, without labels",
    )
    parser.add_argument(
        "--again", action="store_true", help="measure the same models again first"
    )
    parser.add_argument("--work", type=Path, required=True, help="for runs and bundles")
    parser.add_argument("--json", type=Path, help="figures, kept and gone on with")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(asked)
    if asked.again:
        bench.again()
    bench.ends()
    bench.adaptations()
    bench.fine_tunings()
    print(table(HEAD, summary(bench.results.cells)))


class Bench:
    """The cells of one domain; each is measured unless it is there."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        self.domain: Domain = DOMAINS[asked.domain]
        self.results = Results(asked.json)
        self.base = str(asked.base.resolve())
        self.full = full_recipe(self.domain)
        bundle = find_bundle(self.base)
        self.old = old_sources(read_recipe(bundle.folder / "recipe.json"))
        self.train = training_bscans(self.domain, asked.data)
        asked.work, asked.data = asked.work.resolve(), asked.data.resolve()
        asked.work.mkdir(parents=True, exist_ok=True)

    def ends(self) -> None:
        """Both ends of the gap."""
        n_all = len(self.train)
        whole = str(self.asked.whole or self.domain.whole)
        for way, model, n in ((BASE, self.base, 0), (ALL, whole, n_all)):
            if not self.results.has(way, n, 0):
                self._note(way, n, 0, model)

    def adaptations(self) -> None:
        """Without labels, to the scans that others are fine-tuned on."""
        n = len(self.train)
        for way in ADAPTED:
            if self.results.has(way, n, 0) or not self._can(way):
                continue
            folder = self._adapted(way)
            seconds = adapted(self.base, self.train, way, folder, self.asked.data)
            self._note(way, n, 0, str(folder), seconds)

    def fine_tunings(self) -> None:
        """On some corrected B-scans, of several draws."""
        for seed in range(self.asked.seeds):
            for size in self.asked.sizes:
                bscans = drawn(self.train, size, seed)
                # Where there are fewer, all of them once for each draw.
                if not self.results.has(FINE_TUNED, len(bscans), seed):
                    self._fine_tune(len(bscans), seed)

    def _fine_tune(self, n: int, seed: int) -> None:
        place = self.asked.work / f"{n}-{seed}"
        shutil.rmtree(place, ignore_errors=True)
        scans = truth_of(drawn(self.train, n, seed), self.domain)
        add_to_data_set(scans, self.domain, place / "data")
        tuned = fine_tuned(
            FineTuneSettings(
                model=self.base,
                data_set=place / "data",
                run=place / "run",
                preset=self.asked.preset,
                n_steps=self.asked.steps,
                minutes=self.asked.minutes,
                replay=self.asked.data,
                unlabelled=self._looks(),
                device="cpu",
                seed=seed,
            )
        )
        candidate = tuned.candidate
        forgot = ["forgot"] if candidate.comparison.forgot else []
        self._note(
            FINE_TUNED,
            n,
            seed,
            str(candidate.bundle),
            tuned.seconds,
            tuned.training_s,
            (candidate.comparison.verdict, *forgot, *candidate.job.notes),
        )
        # The candidate stays, to be measured again.
        shutil.rmtree(place / "data")
        for state in (place / "run").glob("*.pt"):
            state.unlink()

    def _looks(self) -> tuple[Path, ...]:
        """Scans whose look is learnt, as scans that are open in the window."""
        sources = (one.volume.source for one in self.train) if self.asked.looks else ()
        return tuple(Path(source) for source in sources if source is not None)

    def again(self) -> None:
        """Measure all models again: the program has changed, they have not."""
        names = (self.domain.source, *self.old)
        for place, cell in enumerate(self.results.cells):
            model = self._model(cell)
            found = measured(model, self.full, self.asked.data, names)
            dice = found.pop(self.domain.source)
            self.results.put(place, replace(cell, dice=dice, others=found))

    def _model(self, cell: Cell) -> str:
        """The model of a cell that has been measured."""
        if cell.way == FINE_TUNED:
            run = self.asked.work / f"{cell.n_bscans}-{cell.seed}" / "run"
            return str(run / "candidate")
        ends = {BASE: self.base, ALL: str(self.asked.whole or self.domain.whole)}
        return ends.get(cell.way) or str(self._adapted(cell.way))

    def _adapted(self, way: str) -> Path:
        return Path(self.asked.work / f"adapted-{way.replace(' ', '-')}")

    def _can(self, way: str) -> bool:
        """Whether the base has what is to be adapted."""
        from napari_octseg.bundles.registry import load_network
        from napari_octseg.engine.learning.norm_statistics import norm_layers

        if way == "histogram":
            return True
        return bool(norm_layers(load_network(find_bundle(self.base))))

    def _note(
        self,
        way: str,
        n: int,
        seed: int,
        model: str,
        seconds: float = 0.0,
        training_s: float = 0.0,
        notes: tuple[str, ...] = (),
    ) -> None:
        names = (self.domain.source, *self.old)
        found = measured(model, self.full, self.asked.data, names)
        dice = found.pop(self.domain.source)
        cell = Cell(way, n, seed, dice, found, seconds, training_s, notes)
        self.results.add(cell)
        print(f"{way} {n} {seed}: {dice:.3f}, before {cell.old:.3f}", flush=True)


if __name__ == "__main__":
    main()
