"""Layers of one model and findings of another become one label set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from napari_octseg import OCTVolume, save_labels
from napari_octseg.bundles.card import class_entries
from napari_octseg.engine import ensemble
from napari_octseg.engine.comparing.distinct import distinct_colour
from napari_octseg.engine.comparing.merge_plan import (
    MergePlan,
    finding_names,
    merge_labels,
    plan_merge,
)
from napari_octseg.engine.comparing.merging import iter_merged, segment_merged
from napari_octseg.engine.comparing.pair import iter_pair
from napari_octseg.engine.progress import outcome
from napari_octseg.errors import LabelError, ModelError
from napari_octseg.io import read_volume
from napari_octseg.labels import IGNORE, LabelSet

if TYPE_CHECKING:
    from pathlib import Path

    from napari_octseg.bundles.card import ModelCard
    from tests.conftest import MakeBundle

VOLUME = OCTVolume(
    np.random.default_rng(0).integers(0, 255, (4, 32, 24), np.uint8),
    spacing_um=(120.0, 4.0, 10.0),
)


class Rows(nn.Module):
    """Every B-scan is the class of its row, from top to bottom."""

    def __init__(self, classes: list[int], n_classes: int) -> None:
        super().__init__()
        self._logits = 30 * nn.functional.one_hot(torch.tensor(classes), n_classes).T

    def forward(self, x: Tensor) -> Tensor:
        logits = self._logits.float()[None, :, :, None]
        return logits.expand(len(x), -1, *x.shape[-2:])


LAYERED = [0] * 8 + [1] * 8 + [2] * 8 + [0] * 8
FLUID = [0] * 14 + [2] * 4 + [1] * 2 + [3] * 12


@pytest.fixture
def both(tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A model of layers, and one of fluid that also labels tissue; answers known."""
    tiny_bundle("layers", title="Layers")
    classes = ("background", "IRF", "SRF", "H")
    tiny_bundle("fluid", title="Fluid", classes=classes, layers=())
    networks = {"layers": Rows(LAYERED, 3), "fluid": Rows(FLUID, 4)}
    monkeypatch.setattr(ensemble, "loaded_network", lambda b: networks[b.name].eval())
    return "layers", "fluid"


def card(tiny_bundle: MakeBundle, name: str, *classes: str, n_layers: int) -> ModelCard:
    names = ("background", *classes)
    made = tiny_bundle(name, classes=names, layers=classes[:n_layers]).card
    assert made is not None
    return made


def test_findings_are_painted_over_the_layers(both: tuple[str, str]) -> None:
    merged = segment_merged(VOLUME, *both, device="cpu")
    assert merged.label_set.names == ("background", "RNFL", "GCIPL", "IRF", "SRF")
    expected = [0] * 8 + [1] * 6 + [4] * 4 + [3] * 2 + [2] * 4 + [0] * 8
    assert merged.labels.shape == VOLUME.shape
    assert (merged.labels == np.array(expected, np.uint8)[None, :, None]).all()
    assert merged.boundaries is merged.parts.first.boundaries
    assert [c.name for c in (merged.model, *merged.others)] == ["layers", "fluid"]
    assert merged.seconds > 0
    assert np.isfinite(merged.uncertainty).all()


def test_bscans_come_outward_and_are_final_when_they_are_told(
    both: tuple[str, str],
) -> None:
    told: list[int] = []
    for step in iter_merged(VOLUME, *both, device="cpu", first=2, bscans=[0, 1, 2]):
        told += step.updated
        if step.result is not None:
            graded = [bool((b != IGNORE).all()) for b in step.result.labels]
            assert sorted(told) == [i for i, done in enumerate(graded) if done]
            assert step.total == 6
    assert told == [2, 1, 0]


def test_both_models_of_a_pair_are_checked_before_anything_is_computed(
    both: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr("napari_octseg.engine.comparing.pair.iter_segment", fail)
    with pytest.raises(ModelError, match="no-net"):
        outcome(iter_pair(VOLUME, both[0], "no-net"))


def test_each_of_a_pair_says_what_it_says_alone(both: tuple[str, str]) -> None:
    pair = outcome(iter_pair(VOLUME, *both, device="cpu"))
    assert (pair.first.labels == np.array(LAYERED, np.uint8)[None, :, None]).all()
    assert (pair.second.labels == np.array(FLUID, np.uint8)[None, :, None]).all()
    assert pair.first.seconds > 0


def test_closing_stops_both(both: tuple[str, str]) -> None:
    task = iter_merged(VOLUME, *both, device="cpu")
    while not next(task).updated:
        pass
    task.close()
    assert not torch.is_inference_mode_enabled()


def test_merged_labels_are_saved_with_their_classes_and_boundaries(
    both: tuple[str, str], tmp_path: Path
) -> None:
    merged = segment_merged(VOLUME, *both, device="cpu")
    save_labels(merged, tmp_path / "merged.eye")
    kept = read_volume(tmp_path / "merged.eye")
    assert kept.labels is not None and kept.boundaries is not None
    for index, name in enumerate(merged.label_set.names):
        assert kept.label_set is not None
        there = kept.labels == kept.label_set.index(name) if index else None
        if there is not None:
            assert (there == (merged.labels == index)).all()
    assert "ILM" in kept.boundaries.names


def test_findings_of_the_layer_model_give_way_to_its_layers() -> None:
    plan = MergePlan(LabelSet.of("background", "RNFL", "IRF"), {0: 0, 1: 1}, {1: 2})
    layers = np.array([[0, 1, 2, 2, IGNORE, 0]], np.uint8)  # 2 is fluid of its own
    findings = np.array([[0, 0, 0, 1, 0, 1]], np.uint8)
    under = np.array([[1, 1, 1, 1, 1, 1]], np.uint8)
    merged = merge_labels(layers, findings, plan, under=under)
    assert merged.tolist() == [[0, 1, 1, 2, IGNORE, 2]]
    unknown = merge_labels(layers, findings, plan)
    assert unknown.tolist() == [[0, 1, IGNORE, IGNORE, IGNORE, 2]]


def test_a_class_that_both_know_is_one_class(tiny_bundle: MakeBundle) -> None:
    first = card(tiny_bundle, "a", "RNFL", "drusen", n_layers=2)
    second = card(tiny_bundle, "b", "Drusen", "IRF", n_layers=0)
    plan = plan_merge(first, second)
    assert plan.label_set.names == ("background", "RNFL", "drusen", "IRF")
    assert plan.findings == {1: 2, 2: 3}


def test_colours_stay_apart(tiny_bundle: MakeBundle) -> None:
    first = card(tiny_bundle, "a", "GCIPL", "EZ", "RPE", n_layers=3)
    second = card(tiny_bundle, "b", "IRF", "SRF", "PED", n_layers=0)
    merged = plan_merge(first, second).label_set
    # Alone, SRF is as yellow as GCIPL, and IRF almost as blue as EZ.
    colours = [c.colour for c in merged.classes[1:]]
    for place, colour in enumerate(colours):
        assert distinct_colour(colour, colours[:place]) == colour
    assert colours[:3] == [c.colour for c in first.label_set.classes[1:]]


def test_models_without_layers_or_findings_are_refused(
    tiny_bundle: MakeBundle,
) -> None:
    layers = card(tiny_bundle, "a", "RNFL", "GCIPL", n_layers=2)
    fluid = card(tiny_bundle, "b", "IRF", "H", n_layers=0)
    assert finding_names(fluid) == ("IRF",)
    with pytest.raises(LabelError, match="has no layers"):
        plan_merge(fluid, fluid)
    with pytest.raises(LabelError, match="no findings"):
        plan_merge(layers, layers)


def test_more_classes_than_labels_can_hold_are_refused(
    tiny_bundle: MakeBundle,
) -> None:
    layers = card(tiny_bundle, "a", "RNFL", "GCIPL", n_layers=2)
    many = LabelSet.of("background", *(f"lesion {i}" for i in range(253)))
    update = {"classes": class_entries(many), "layers": ()}
    with pytest.raises(LabelError, match="256 classes"):
        plan_merge(layers, layers.model_copy(update=update))
    fewer = {"classes": class_entries(LabelSet(many.classes[:-1])), "layers": ()}
    plan = plan_merge(layers, layers.model_copy(update=fewer))
    assert len(plan.label_set) == 255


PLAN = MergePlan(
    LabelSet.of("background", "RNFL", "GCIPL", "IRF"), {0: 0, 1: 1, 2: 2}, {2: 3}
)
PIXELS = arrays(np.uint8, (3, 5), elements=st.sampled_from([0, 1, 2, IGNORE]))


@given(PIXELS, PIXELS)
def test_every_pixel_is_the_finding_the_layer_or_ungraded(
    layers: np.ndarray, findings: np.ndarray
) -> None:
    merged = merge_labels(layers, findings, PLAN)
    for below, above, one in zip(layers.flat, findings.flat, merged.flat, strict=True):
        if IGNORE in (below, above):
            assert one == IGNORE
        else:
            assert one == (3 if above == 2 else below)


def test_labels_of_other_scans_are_refused() -> None:
    with pytest.raises(LabelError, match="shape"):
        merge_labels(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), PLAN)
