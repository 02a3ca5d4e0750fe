"""A held-out B-scan as the network in training sees it, for people who watch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_octseg.engine.learning.validation import predicted
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.engine.data.pool import Sample
    from napari_octseg.engine.data.sampling import TrainingSet
    from napari_octseg.engine.learning.run_state import RunState

EXAMPLE = "example.npz"


def write_example(state: RunState, run: Path) -> None:
    """Write ``example.npz``: all of it, or nothing.

    It holds ``image`` (H, W) float32 in 0…1, and ``truth`` and ``prediction`` (H, W)
    uint8, class indices with `IGNORE`, on the network's grid.

    Parameters
    ----------
    state
        Of the run; the running mean of the weights answers.
    run
        Folder of the run.
    """
    sample = _chosen(state.data)
    with torch.no_grad():
        found = predicted(state.average.eval(), sample, state.recipe, state.fabric)
    member = state.data.membership[sample.source]
    # Of a code that may be several classes the first is shown.
    first = torch.cat([member.int().argmax(1), torch.zeros(256 - len(member))])
    first[IGNORE] = IGNORE
    draft = run / f".{EXAMPLE}"
    with draft.open("wb") as file:
        np.savez(
            file,
            image=sample.image[len(sample.image) // 2].numpy().astype(np.float32),
            truth=first.to(torch.uint8)[sample.codes.long()].numpy(),
            prediction=found.numpy(),
        )
    os.replace(draft, run / EXAMPLE)


def _chosen(data: TrainingSet) -> Sample:
    """The most labelled one of the first source: held out, if it holds one out."""
    for samples in (data.validation, data.train):
        own = [sample for sample in samples if sample.source == 0]
        if own:
            return max(own, key=_n_seen)
    raise ValueError("the first source has no samples")


def _n_seen(sample: Sample) -> int:
    """Pixels that are labelled as something else than background."""
    return int(((sample.codes != IGNORE) & (sample.codes != 0)).sum())
