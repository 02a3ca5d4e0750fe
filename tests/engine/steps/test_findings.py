"""What lies beneath a finding."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.engine.steps.findings import beneath_findings, findings_among

LAYERS = (1, 2, 3)
"""Of the classes background, three layers and one finding (4)."""


def retina() -> np.ndarray:
    """(24, 8): vitreous, three layers of 4 rows from row 6 on, background."""
    labels = np.zeros((24, 8), np.uint8)
    for k in LAYERS:
        labels[2 + 4 * k : 6 + 4 * k] = k
    return labels


def certain(labels: np.ndarray) -> torch.Tensor:
    """Probabilities (1, 5, H, W) that are sure of `labels`."""
    one_hot = np.arange(5)[:, None, None] == labels
    return torch.from_numpy(one_hot[None].astype(np.float32))


def beneath(labels: np.ndarray) -> np.ndarray:
    """The likeliest classes (H, W) beneath the findings of `labels`."""
    found: np.ndarray = beneath_findings(certain(labels), LAYERS)[0].argmax(0).numpy()
    return found


def test_what_is_neither_background_nor_layer_is_a_finding() -> None:
    assert findings_among(5, (2, 1)) == (3, 4)
    assert findings_among(3, (1, 2)) == ()


def test_without_findings_nothing_is_computed() -> None:
    probabilities = certain(retina())[:, :4]
    assert beneath_findings(probabilities, LAYERS) is probabilities


def test_beneath_a_cyst_within_a_layer_is_that_layer() -> None:
    labels = retina()
    labels[11:13, 2:5] = 4
    assert np.array_equal(beneath(labels), retina())


def test_a_cyst_across_a_boundary_is_halved_between_its_neighbours() -> None:
    labels = retina()
    labels[8:12, 3] = 4  # two rows of layer 1 and two of layer 2
    assert np.array_equal(beneath(labels), retina())
    labels[12:13, 3] = 4
    assert beneath(labels)[8:14, 3].tolist() == [1, 1, 1, 2, 2, 2]


def test_a_network_that_sees_a_layer_beneath_the_cyst_is_believed() -> None:
    labels = retina()
    labels[8:13, 3] = 4
    probabilities = 0.9 * certain(labels) + 0.1 * certain(retina())
    found = beneath_findings(probabilities, LAYERS)[0]
    assert np.array_equal(found.argmax(0).numpy(), retina())
    assert torch.allclose(found.sum(0), torch.ones(24, 8))
    assert (found[4] == 0).all()


def test_fluid_as_wide_as_the_scan_does_not_cut_the_retina() -> None:
    labels = retina()
    labels[10:14] = 4  # all of layer 2
    found = beneath(labels)
    assert (found[6:12] == 1).all()
    assert (found[12:18] == 3).all()


def test_outside_of_the_retina_a_finding_lies_on_background() -> None:
    labels = retina()
    labels[1:4, 2:6] = 4  # in the vitreous
    labels[4:6, 1] = 4  # upon the retina
    labels[18:22] = 4  # below it
    assert np.array_equal(beneath(labels), retina())


def test_specks_above_a_finding_do_not_make_the_vitreous_retina() -> None:
    labels = retina()
    labels[0, 4] = 1
    labels[2:4, 2:6] = 4
    expected = retina()
    expected[0, 4] = 1
    assert np.array_equal(beneath(labels), expected)


def test_blank_pixels_are_no_layers() -> None:
    labels = retina()
    labels[0:2] = 1  # a band above the scan that the network takes for tissue
    labels[2:6] = 4
    blank = np.zeros((1, *labels.shape), bool)
    blank[:, :2] = True
    found = beneath_findings(certain(labels), LAYERS, blank=blank)[0].argmax(0)
    assert (found[2:6] == 0).all()


@given(st.integers(0, 2**32 - 1))
def test_chances_stay_chances(seed: int) -> None:
    noise = torch.randn(2, 5, 12, 6, generator=torch.Generator().manual_seed(seed))
    before = (4 * noise).softmax(1)
    found = beneath_findings(before, LAYERS)
    assert torch.allclose(found.sum(1), torch.ones(2, 12, 6), atol=1e-5)
    assert (found[:, 4] == 0).all()
    assert (found[:, :4] >= before[:, :4]).all()
