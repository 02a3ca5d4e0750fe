"""Two models compared in what both know."""

import numpy as np
import pytest

from napari_octseg.engine.comparing.difference import (
    agreement,
    difference,
    shared_classes,
)
from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE, LabelSet

LAYERS = LabelSet.of("background", "RNFL", "ONL", "choroid")
OTHERS = LabelSet.of("background", "ONL", "IRF", "NFL")


def test_classes_are_shared_by_name_and_synonym() -> None:
    shared = shared_classes(LAYERS, OTHERS)
    assert shared.names == ("RNFL", "ONL")
    assert list(shared.first[:5]) == [0, 1, 2, 0, 0]
    assert list(shared.second[:5]) == [0, 2, 0, 1, 0]
    assert shared.first[IGNORE] == shared.second[IGNORE] == IGNORE


def test_fluid_of_any_kind_is_compared_with_kinds_of_fluid() -> None:
    kinds = LabelSet.of("background", "IRF", "SRF", "PED")
    shared = shared_classes(LabelSet.of("background", "ONL", "fluid"), kinds)
    assert shared.names == ("fluid",)
    assert list(shared.first[:3]) == [0, 0, 1]
    assert list(shared.second[:4]) == [0, 1, 1, 1]
    # Where both tell kinds apart, there is nothing to put together.
    assert shared_classes(kinds, kinds).names == ("IRF", "SRF", "PED")


def test_nothing_in_common_is_no_disagreement() -> None:
    shared = shared_classes(LAYERS, LabelSet.of("background", "IRF"))
    assert shared.names == ()
    labels = np.array([[0, 1, 2]], np.uint8)
    differs, n_pixels = difference(labels, labels % 2, shared)
    assert not differs.any()
    assert n_pixels.tolist() == [[3]]
    assert agreement(n_pixels).size == 0


def test_differences_and_agreement_of_known_labels() -> None:
    shared = shared_classes(LAYERS, OTHERS)
    first = np.array([[1, 1, 1, 1, 2, 3, 0, IGNORE]], np.uint8)
    second = np.array([[3, 3, 3, 0, 2, 0, 2, 1]], np.uint8)
    differs, n_pixels = difference(first, second, shared)
    # RNFL against background; ONL against a class that is not shared; choroid against
    # background and background against IRF are nothing that both could say.
    assert differs.tolist() == [[0, 0, 0, 1, 1, 0, 0, IGNORE]]
    assert n_pixels.sum() == 7
    assert agreement(n_pixels).tolist() == [3 / 4, 0]
    empty = agreement(np.zeros((3, 3), np.int64))
    assert np.isnan(empty).all()


def test_labels_of_other_scans_are_refused() -> None:
    shared = shared_classes(LAYERS, OTHERS)
    with pytest.raises(LabelError, match="shape"):
        difference(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), shared)
