import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.engine.augmentation.draws import Draws
from napari_octseg.engine.augmentation.svdna import Anatomy, Style, restyle


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 0.9


def banded(depth: int = 48, width: int = 64) -> torch.Tensor:
    """(1, depth, width) of rank 1: bright in the middle."""
    profile = torch.exp(-((torch.linspace(-2, 2, depth)) ** 2))
    return (profile[:, None] * torch.linspace(0.5, 0.9, width))[None]


@pytest.mark.parametrize("shape", [(20, 30), (30, 20)])
@pytest.mark.parametrize("k", [1, 5, 20])
def test_the_anatomy_is_the_best_approximation_of_its_rank(
    shape: tuple[int, int], k: int
) -> None:
    image = noise(1, *shape)
    u, s, v = np.linalg.svd(image[0].double().numpy(), full_matrices=False)
    expected = (u[:, :k] * s[:k]) @ v[:k]
    np.testing.assert_allclose(Anatomy(image).leading(k)[0], expected, atol=2e-5)


def test_with_all_components_only_the_histogram_changes() -> None:
    image, other = noise(1, 24, 40), noise(24, 40, seed=1) ** 2
    found = restyle(image, Anatomy(image), Style(other), 24, Draws(0))
    # The order of the grey values stays (up to steps of one grey level in 1024) …
    order = image.flatten().argsort()
    assert (found.flatten()[order].diff() > -0.005).all()
    # … and their distribution is that of the other.
    quantiles = torch.linspace(0.02, 0.98, 20)
    np.testing.assert_allclose(
        found.quantile(quantiles), other.quantile(quantiles), atol=0.02
    )


def test_a_flat_target_gives_a_flat_image() -> None:
    image = banded() + 0.05 * noise(1, 48, 64)
    found = restyle(
        image, Anatomy(image), Style(torch.full((48, 64), 0.3)), 5, Draws(0)
    )
    np.testing.assert_allclose(found, 0.3, atol=1 / 255)


def test_the_noise_of_the_target_takes_the_place_of_the_own() -> None:
    clean, grain = banded(), 0.05 * torch.randn(48, 64, generator=torch.manual_seed(2))
    own = clean + 0.05 * torch.randn(1, 48, 64, generator=torch.manual_seed(3))
    target = (clean[0].flip(-1) + grain).clamp(0, 0.99)
    found = restyle(own.clamp(0, 0.99), Anatomy(own), Style(target), 1, Draws(0))[0]
    rest = found - Anatomy(found[None]).leading(1)[0]
    inner = (slice(8, -8), slice(8, -8))  # away from what is clipped at black

    def likeness(a: torch.Tensor, b: torch.Tensor) -> float:
        pair = torch.stack([a[inner].flatten(), b[inner].flatten()])
        return float(torch.corrcoef(pair)[0, 1])

    assert likeness(rest, grain) > 0.8
    assert abs(likeness(rest, own[0] - clean[0])) < 0.2


@pytest.mark.parametrize("size", [(48, 64), (20, 200), (130, 30)])
def test_a_target_of_any_size_will_do(size: tuple[int, int]) -> None:
    image = banded()
    found = restyle(image, Anatomy(image), Style(noise(*size)), 3, Draws(0))
    assert found.shape == image.shape
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1


def test_neighbours_do_not_share_their_noise() -> None:
    noises = Style(noise(48, 64)).noise_like(banded().repeat(3, 1, 1), 2, Draws(1))
    assert not torch.equal(noises[0], noises[1])
    assert not torch.equal(noises[1], noises[2])


def test_white_wedges_stay_and_are_nobodys_noise() -> None:
    image = banded()
    image[:, :6] = 1
    target = noise(48, 64)
    target[-10:] = 1
    style = Style(target)
    assert (style.noise(2)[-10:] == 0).all()
    found = restyle(image, Anatomy(image), style, 4, Draws(0))
    assert (found[:, :6] == 1).all()
    assert float(found[:, 6:].max()) < 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_matched_grey_values_keep_their_order(seed: int) -> None:
    image, other = noise(1, 16, 16, seed=seed), noise(16, 16, seed=seed + 1) ** 3
    found = Style(other).match(image)
    order = image.flatten().argsort()
    assert (found.flatten()[order].diff() >= 0).all()
