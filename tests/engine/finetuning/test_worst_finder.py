"""The B-scans that a candidate is worst at, with names that people read."""

from __future__ import annotations

import numpy as np

from napari_octseg.bundles.card import ModelCard, Weights, class_entries
from napari_octseg.engine.data.datasets import LabelledBscan
from napari_octseg.engine.data.source import Source
from napari_octseg.engine.finetuning.worst_finder import WorstFinder
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume

CARD = ModelCard(
    name="one",
    version="1",
    title="One",
    description="For tests.",
    architecture={"name": "unet", "arguments": {}},
    weights=Weights(sha256="0" * 64, n_parameters=1),
    classes=class_entries(LabelSet.of("background", "IRF")),
    input={"plane": "bscan"},
    licence="none",
)
SOURCE = Source(
    name="mine", kind="ground truth", codes={0: ("background",), 1: ("IRF",)}
)


def bscan(index: int, source: Source = SOURCE, name: str = "") -> LabelledBscan:
    codes = np.zeros((4, 6), np.uint8)
    codes[1, index] = 1
    volume = OCTVolume(np.zeros((3, 4, 6), np.uint8))
    named = name or f"S-1/{index}"
    return LabelledBscan(named, "P-1", source, volume, index, codes, held_out=True)


def test_the_worst_are_kept_in_order_with_both_labels() -> None:
    finder = WorstFinder(2)
    bscans = [bscan(index) for index in range(3)]
    for one, dice in zip(bscans, (0.9, 0.2, 0.5), strict=True):
        finder.see(one, np.full((4, 6), 1, np.uint8), dice, is_candidate=True)
    for one in bscans:
        finder.see(one, np.zeros((4, 6), np.uint8), 0.1, is_candidate=False)
    worst = finder.all(CARD)
    assert [one.name for one in worst] == ["S-1, B-scan 1", "S-1, B-scan 2"]
    assert [(one.dice_before, one.dice_after) for one in worst] == [
        (0.1, 0.2),
        (0.1, 0.5),
    ]
    for one, index in zip(worst, (1, 2), strict=True):
        np.testing.assert_array_equal(np.argwhere(one.truth), [[1, index]])
        assert one.after.all()
        assert not one.before.any()


def test_pictures_keep_their_own_names() -> None:
    pictures = SOURCE.model_copy(update={"kind": "images"})
    finder = WorstFinder(1)
    one = bscan(0, pictures, "DME-1/left")
    for is_candidate in (True, False):
        finder.see(one, one.codes, 1.0, is_candidate=is_candidate)
    assert finder.all(CARD)[0].name == "DME-1/left"
