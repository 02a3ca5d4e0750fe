"""Measure a candidate and its parent on the scans that were held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.bundles.registry import find_bundle
from napari_octseg.engine.data.datasets import code_table
from napari_octseg.engine.evaluation import judge_scans
from napari_octseg.engine.finetuning.counting import Counting
from napari_octseg.engine.finetuning.gate import MEAN, ClassChange, Comparison
from napari_octseg.engine.finetuning.paired import Changes, OneModel, compare
from napari_octseg.engine.finetuning.worst_finder import WorstFinder
from napari_octseg.engine.judging.layer_codes import layer_codes
from napari_octseg.engine.loaded import loaded_network
from napari_octseg.engine.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.score import Score
    from napari_octseg.engine.data.datasets import LabelledBscan
    from napari_octseg.engine.data.source import Source
    from napari_octseg.engine.finetuning.worst import WorstBscan

N_WORST = 5


@dataclass(frozen=True, eq=False)
class Measured:
    """What `iter_compare` found.

    Attributes
    ----------
    comparison
        Candidate beside parent.
    worst
        Held-out B-scans on which the candidate is worst, the worst first.
    scores
        Figures of the candidate, one for each source, for its card.
    """

    comparison: Comparison
    worst: tuple[WorstBscan, ...]
    scores: tuple[Score, ...]


def iter_compare(
    parent: str,
    candidate: str,
    scans: Sequence[tuple[Source, Sequence[LabelledBscan]]],
    *,
    device: str = "auto",
    notes: Sequence[str] = (),
) -> Generator[Progress, None, Measured]:
    """Compare two models on the same held-out scans, as a user would run them.

    Parameters
    ----------
    parent, candidate
        Names or folders of bundles.
    scans
        Held-out scans of each source: the user's ground truth first, then those of what
        the parent was trained on.
    device
        As for `segment`.
    notes
        What else limits the figures, for people.

    Raises
    ------
    ModelError
        If a model is missing or broken.
    """
    bundles = [find_bundle(name) for name in (parent, candidate)]
    held = [loaded_network(bundle) for bundle in bundles]
    before, after = (bundle.card for bundle in bundles)
    assert before is not None and after is not None  # find_bundle raises otherwise
    total = 2 * sum(len(bscans) for _, bscans in scans)
    found: list[Changes | None] = []
    scores = []
    worst = WorstFinder(N_WORST)
    done = 0
    for number, (source, bscans) in enumerate(scans):
        if not bscans:
            found.append(None)
            continue
        # The candidate first: it tells which B-scans are the worst ones.
        counted = {}
        for name, card in ((candidate, after), (parent, before)):
            one = counted[name] = Counting(source, after, card)
            for bscan, judged in judge_scans(
                bscans, name, card, device=device, flips=False
            ):
                dice = one.add(judged)
                if number == 0:
                    labels = one.in_classes_of_candidate(judged)
                    worst.see(bscan, labels, dice, is_candidate=name == candidate)
                done += 1
                yield Progress(done, total, f"{source.name}: {bscan.name}")
        models = (
            counted[parent].finished(source.name),
            counted[candidate].finished(source.name),
        )
        found.append(_changes(source, bscans, models, after))
        if models[1].score is not None:
            scores.append(models[1].score)
    del held
    comparison = _comparison(found, scans[0][1] if scans else [], notes)
    return Measured(comparison, worst.all(after), tuple(scores))


def _changes(
    source: Source,
    bscans: Sequence[LabelledBscan],
    models: tuple[OneModel, OneModel],
    card: ModelCard,
) -> Changes:
    classes = card.label_set.names
    table = code_table(source, classes)
    limits = layer_codes(table, classes, card.layers)
    patients = [bscan.patient for bscan in bscans]
    before, after = models
    return compare(source.name, table, patients, before, after, limits)


def _comparison(
    found: Sequence[Changes | None],
    measured: Sequence[LabelledBscan],
    notes: Sequence[str],
) -> Comparison:
    """Changes of each source (the ground truth first) as one comparison."""
    own = (found[0] if found else None) or Changes((), None, "")
    replay = [changes for changes in found[1:] if changes is not None]
    n, n_patients = len(measured), len({bscan.patient for bscan in measured})
    return Comparison(
        held_out=own.classes,
        replay=tuple(row for changes in replay for row in changes.rows),
        mean=own.mean,
        replay_mean=_mean_of([c.mean for c in replay if c.mean is not None]),
        n_bscans=n,
        n_patients=n_patients,
        unit=own.unit,
        notes=(*notes, *_notes(own.unit, n, n_patients)),
    )


def _mean_of(means: Sequence[ClassChange]) -> ClassChange | None:
    """Mean over data sets; without intervals, since their patients are others."""
    both = [(m.dice_before, m.dice_after) for m in means]
    known = [(b, a) for b, a in both if b is not None and a is not None]
    if not known:
        return None
    before, after = (float(np.mean(side)) for side in zip(*known, strict=True))
    n_bscans = sum(m.n_bscans for m in means)
    return ClassChange("", MEAN, before, after, n_bscans=n_bscans)


def _notes(unit: str, n: int, n_patients: int) -> list[str]:
    notes = []
    if unit == "B-scan":
        notes.append(
            f"The intervals are over B-scans of {n_patients} patient"
            f"{'' if n_patients == 1 else 's'}, which are alike: other patients may "
            "differ more."
        )
    elif n and not unit:
        notes.append("There are too few held-out B-scans for an interval.")
    if n:
        notes.append(
            "The held-out B-scans also chose the step whose weights are kept, which is "
            "slightly kind to the candidate."
        )
    return notes
