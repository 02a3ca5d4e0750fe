"""Axial resampling by device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_octseg.bundles.card import Input, Step
from napari_octseg.engine.preprocess import grid_size, network_size, prepare_bscan
from napari_octseg.engine.steps.device_scale import (
    axial_factor,
    device_scale,
    scaled_rows,
)
from napari_octseg.volume import OCTVolume

SPEC = Input(divisor=16, intensity="unit", prepare=(Step(name="device_scale"),))


@pytest.mark.parametrize(
    ("rows", "patch"), [(1024, 512), (496, 256), (650, 292), (885, 393)]
)
def test_without_a_spacing_the_rows_tell_the_device(rows: int, patch: int) -> None:
    # The published patch heights are truncated.
    assert int(256 * axial_factor(rows, None)) == patch


def test_a_known_spacing_decides() -> None:
    assert axial_factor(496, 1.935) == pytest.approx(2)
    assert axial_factor(1024, 3.87) == 1
    assert axial_factor(1000, 2.0, reference_um=3.0) == pytest.approx(1.5)


def test_other_depths_without_a_spacing_stay() -> None:
    assert scaled_rows(600, None) == 600


@pytest.mark.parametrize("axial_um", [0.01, 500.0])
def test_a_mistaken_spacing_makes_no_monstrous_image(axial_um: float) -> None:
    assert 125 <= scaled_rows(500, axial_um) <= 1000


def test_columns_and_grey_values_stay() -> None:
    ramp = torch.linspace(0, 1, 100)[None, :, None].expand(1, 100, 7)
    volume = OCTVolume(np.zeros((1, 100, 7), np.uint8), spacing_um=(None, 1.935, None))
    scaled = device_scale(ramp, volume)
    assert scaled.shape == (1, 50, 7)
    assert torch.allclose(scaled[0, 10:40, 0], ramp[0, 20:80, 0].reshape(30, 2).mean(1))


def test_the_network_gets_the_scaled_scan_and_knows_its_size() -> None:
    volume = OCTVolume(np.zeros((1, 100, 30), np.uint8), spacing_um=(None, 1.935, 6.0))
    assert grid_size((100, 30), SPEC, 1.935) == (50, 30)
    assert network_size((100, 30), SPEC, 1.935) == (64, 32)
    assert prepare_bscan(volume, 0, SPEC).shape == (1, 64, 32)
