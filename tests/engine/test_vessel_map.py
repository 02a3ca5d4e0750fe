"""From a volume to its vessels."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import torch
from torch import Tensor, nn

from napari_octseg import OCTVolume, iter_vessel_map, save_labels, segment
from napari_octseg.boundaries import Boundaries
from napari_octseg.engine import ensemble
from napari_octseg.engine.suitability import LEAST_BSCANS
from napari_octseg.engine.vessel_map import VesselMap, vessel_map
from napari_octseg.errors import LabelError, ModelError, VolumeError
from napari_octseg.io import read_volume
from napari_octseg.labels import IGNORE
from napari_octseg.phantom import Phantom, PhantomSettings, make_phantom
from napari_octseg.volume import ScanPattern

if TYPE_CHECKING:
    from tests.conftest import MakeBundle

LAYERS = ("RNFL", "GCIPL", "EZ", "RPE")
FOR_VESSELS = {"plane": "enface", "projection": "combined", "intensity": "unit"}


@cache
def phantom() -> Phantom:
    return make_phantom(PhantomSettings(shape=(24, 96, 160), seed=4))


def with_layers() -> OCTVolume:
    """The phantom as a device that segments would give it."""
    return replace(phantom().volume, boundaries=phantom().boundaries)


class Dark(nn.Module):
    """Dark pixels are vessels: a network whose answer is known."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1)
        with torch.no_grad():
            self.conv.weight[:] = torch.tensor([0.0, -40])[:, None, None, None]
            self.conv.bias[:] = torch.tensor([0.0, 14])

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Bands(nn.Module):
    """Four layers across the middle of every B-scan."""

    def forward(self, x: Tensor) -> Tensor:
        place = torch.linspace(0, 1, x.shape[-2])[:, None]
        tops = torch.tensor([0.3, 0.4, 0.5, 0.6])
        layer = (place >= tops).sum(1) * (place[:, 0] < 0.7)
        logits = 30 * nn.functional.one_hot(layer, 5).T.float()
        return logits[None, :, :, None].expand(len(x), 5, *x.shape[-2:])


@pytest.fixture
def vessels(tiny_bundle: MakeBundle) -> str:
    """Name of a model of vessels; beside it lies one of layers."""
    tiny_bundle("layers", classes=("background", *LAYERS), layers=LAYERS)
    classes = ("background", "vessel")
    tiny_bundle("vessels", classes=classes, layers=(), **FOR_VESSELS)
    return "vessels"


@pytest.fixture
def dark(vessels: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The models of vessels and layers, with networks whose answers are known."""
    networks = {vessels: Dark().eval(), "layers": Bands().eval()}
    monkeypatch.setattr(ensemble, "loaded_network", lambda b: networks[b.name])
    return vessels


def test_vessels_of_a_phantom_are_found_where_they_are(dark: str) -> None:
    made = vessel_map(with_layers(), dark, device="cpu")
    found, true = made.grid_labels == 1, phantom().vessels
    assert found.shape == (24, 160)
    assert 0.05 < found.mean() < 0.5
    assert true.mean() < 0.6
    assert true[found].mean() > 0.85


def test_both_grids_tell_the_same(dark: str) -> None:
    made = vessel_map(with_layers(), dark, device="cpu")
    between, _, lateral = phantom().volume.spacing_um
    assert between is not None and lateral is not None
    rows = round(24 * between / lateral)
    assert made.labels.shape == made.volume.bscan(0).shape == (rows, 160)
    assert made.labels.dtype == made.grid_labels.dtype == np.uint8
    assert made.probabilities.shape == (2, rows, 160)
    assert made.grid_probabilities.shape == (2, 24, 160)
    assert np.allclose(made.probabilities.sum(axis=0), 1, atol=1e-5)
    assert np.allclose(made.grid_probabilities.sum(axis=0), 1, atol=1e-5)
    assert abs((made.labels == 1).mean() - (made.grid_labels == 1).mean()) < 0.05
    likely = made.grid_probabilities[1] > 0.5
    assert (likely == (made.grid_labels == 1)).mean() > 0.95
    assert made.spacing_um == (lateral, lateral)
    assert made.volume.spacing_um == (None, lateral, lateral)
    assert made.label_set.names == ("background", "vessel")
    assert made.model.name == "vessels"
    assert made.seconds > 0


def test_segment_gives_the_map_of_a_model_of_vessels(dark: str) -> None:
    result = segment(with_layers(), dark, device="cpu")
    assert isinstance(result, VesselMap)
    again = vessel_map(with_layers(), dark, device="cpu")
    assert np.array_equal(result.labels, again.labels)


def test_layers_come_first_where_the_volume_has_none(dark: str) -> None:
    task = iter_vessel_map(
        phantom().volume,
        dark,
        boundaries=None,
        layer_model="layers",
        device="cpu",
    )
    steps = list(task)
    assert {step.total for step in steps} == {24 + 24 + 1}
    done = [step.done for step in steps]
    assert done == [*range(25), *range(25, 49), 49]
    assert "layers" in steps[1].message
    assert "projection" in steps[-2].message
    made = steps[-1].result
    assert made.layers.names == ("ILM", "RNFL/GCL", "ELM/EZ", "EZ/RPE", "BM")
    assert made.projection.valid.all()


def test_layers_that_are_known_are_not_sought(dark: str) -> None:
    for volume, given in (
        (with_layers(), None),
        (phantom().volume, phantom().boundaries),
    ):
        steps = list(iter_vessel_map(volume, dark, boundaries=given, device="cpu"))
        assert {step.total for step in steps} == {24 + 1}
        assert steps[-1].result.layers is phantom().boundaries
        assert steps[-1].done == 25


def test_layers_that_came_with_the_volume_must_suffice(dark: str) -> None:
    heights = phantom().boundaries.heights
    few = Boundaries(("ILM", "BM"), heights[[0, -2]])
    gaps = heights.copy()
    gaps[:, :14] = np.nan
    for boundaries in (few, Boundaries(phantom().boundaries.names, gaps)):
        volume = replace(phantom().volume, boundaries=boundaries)
        task = iter_vessel_map(volume, dark, layer_model="layers", device="cpu")
        assert next(task).total == 24 + 24 + 1
        task.close()
    # But what a person gives is taken at their word.
    with pytest.raises(LabelError, match="do not enclose"):
        vessel_map(phantom().volume, dark, boundaries=few, device="cpu")


def test_what_is_not_known_is_not_graded(dark: str) -> None:
    heights = phantom().boundaries.heights.copy()
    heights[:, 3:8, :60] = np.nan
    given = Boundaries(phantom().boundaries.names, heights)
    made = vessel_map(phantom().volume, dark, boundaries=given, device="cpu")
    assert (made.grid_labels[3:8, :60] == IGNORE).all()
    assert (made.grid_labels == IGNORE).sum() == 5 * 60
    share = 5 * 60 / (24 * 160)
    assert abs((made.labels == IGNORE).mean() - share) < 0.02


def test_a_map_is_saved_with_its_spacing(dark: str, tmp_path: Path) -> None:
    made = vessel_map(with_layers(), dark, device="cpu")
    save_labels(made, tmp_path / "vessels.tif")
    assert np.array_equal(tifffile.imread(tmp_path / "vessels.tif"), made.labels)
    kept = read_volume(tmp_path / "vessels.tif").spacing_um
    assert kept[1:] == pytest.approx(made.spacing_um)
    assert kept[0] is None
    save_labels(made, tmp_path / "vessels.png")
    save_labels(made, tmp_path / "vessels.eye")
    both = read_volume(tmp_path / "vessels.eye")
    assert both.labels is not None
    assert np.array_equal(both.labels[0] == 1, made.labels == 1)


def test_flips_average_over_all_eight_views(vessels: str) -> None:
    plain = vessel_map(with_layers(), vessels, device="cpu", precision="fp32")
    mean = vessel_map(
        with_layers(), vessels, device="cpu", precision="fp32", flips=True
    )
    assert not np.allclose(plain.probabilities, mean.probabilities, atol=1e-4)


def test_the_kind_of_projection_can_be_chosen(dark: str) -> None:
    volume = with_layers()
    assert vessel_map(volume, dark, device="cpu").projection.kind == "combined"
    outer = vessel_map(volume, dark, kind="outer", device="cpu")
    assert outer.projection.kind == "outer"
    with pytest.raises(VolumeError, match="outer, inner, combined"):
        vessel_map(volume, dark, kind="upper", device="cpu")


def test_closing_cancels_within_the_layers(dark: str) -> None:
    task = iter_vessel_map(phantom().volume, dark, layer_model="layers", device="cpu")
    next(task)
    next(task)
    task.close()
    assert not torch.is_inference_mode_enabled()
    with pytest.raises(StopIteration):
        next(task)


@pytest.mark.parametrize("n_bscans", [1, LEAST_BSCANS - 1])
def test_too_few_bscans_are_refused_with_the_reason(
    vessels: str, n_bscans: int
) -> None:
    volume = OCTVolume(phantom().volume.data[:n_bscans])
    reason = f"needs a volume of at least {LEAST_BSCANS} B-scans"
    with pytest.raises(VolumeError, match=reason):
        segment(volume, vessels)


def test_circles_are_refused_before_anything_is_computed(vessels: str) -> None:
    volume = replace(phantom().volume, scan_pattern=ScanPattern.CIRCLE)
    with pytest.raises(VolumeError, match="circle scan"):
        next(iter_vessel_map(volume, vessels, layer_model="layers"))


def test_models_that_cannot_do_it_are_refused(
    vessels: str, tiny_bundle: MakeBundle
) -> None:
    tiny_bundle("octa", plane="enface", classes=("background", "vessel"), layers=())
    tiny_bundle("fluid", classes=("background", "IRF"), layers=())
    volume = phantom().volume
    with pytest.raises(ModelError, match="takes en-face images, not projections"):
        segment(volume, "octa")
    with pytest.raises(ModelError, match="is for B-scans"):
        vessel_map(volume, "layers")
    for name in ("fluid", "vessels"):
        with pytest.raises(ModelError, match="does not find the layers"):
            vessel_map(volume, vessels, layer_model=name)
    assert vessel_map(with_layers(), "octa", kind="outer", device="cpu").model.name
