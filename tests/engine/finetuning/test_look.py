"""The look of a model's training scans."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.bundles.registry import Bundle, list_bundles
from napari_octseg.engine.finetuning.look import (
    LOOK_FILE,
    look_text,
    training_look,
    typical_shares,
)
from napari_octseg.engine.recipe import Recipe, read_recipe
from napari_octseg.engine.steps.histogram import (
    grey_shares,
    match_histogram,
    rounded,
)
from napari_octseg.errors import ModelError


def grey(seed: int, low: float, high: float) -> np.ndarray:
    values = low + (high - low) * np.random.default_rng(seed).random((50, 60)) ** 2
    return values.astype(np.float32)


def test_of_one_scan_the_typical_look_is_its_own() -> None:
    shares = grey_shares([grey(0, 0.1, 0.8)])
    np.testing.assert_allclose(typical_shares([shares], [1.0]), shares, atol=2e-3)


def test_between_two_scans_lies_a_scan_not_their_mixture() -> None:
    dark, bright = (grey_shares([grey(0, a, a + 0.2)]) for a in (0.1, 0.6))
    typical = typical_shares([dark, bright], [1, 1])
    levels = np.arange(256) / 255
    middle = np.interp(0.5, typical, levels)
    of_each = [np.interp(0.5, shares, levels) for shares in (dark, bright)]
    assert middle == pytest.approx(np.mean(of_each), abs=0.01)
    # A mixture would reach from the darkest of the one to the brightest of the other.
    spread = np.interp(0.99, typical, levels) - np.interp(0.01, typical, levels)
    assert spread < 0.25
    nearer = typical_shares([dark, bright], [3, 1])
    assert np.interp(0.5, nearer, levels) < middle


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=4), st.floats(0, 1))
def test_a_typical_look_can_be_matched_to(seeds: list[int], low: float) -> None:
    looks = [grey_shares([grey(s, low * 0.5, 0.6 + low * 0.3)]) for s in seeds]
    typical = np.array(rounded(typical_shares(looks, [0.0] * len(looks))))
    assert typical.shape == (256,)
    assert (np.diff(typical) >= 0).all()
    assert 0 <= typical[0] <= typical[-1] == 1
    scan = grey(7, 0.0, 0.4)
    moved = match_histogram(scan, grey_shares([scan]), typical)
    apart = np.abs(grey_shares([moved]) - typical)
    assert apart.mean() < 0.01


def test_pictures_count_where_they_are_and_held_out_ones_never(
    with_recipe: Callable[..., Bundle], recipe: Recipe, data: Path
) -> None:
    bundle = with_recipe()
    look = training_look(bundle, data)
    assert look.sources == ("stripes", "tissue")
    n_held_out = {"stripes": 1, "tissue": 2}
    there = sum(
        len(list((data / s.folder).glob(s.images))) - n_held_out[s.name]
        for s in recipe.sources
    )
    assert look.n_images == there
    assert look.text.startswith(f"{there} training scans of stripes, tissue")


def test_without_data_phantoms_tell_and_one_is_enough(
    with_recipe: Callable[..., Bundle],
) -> None:
    look = training_look(with_recipe(phantoms=1))
    assert (look.sources, look.n_images) == (("phantom",), 1)
    assert look.shares[-1] == 1
    assert 0 < look.shares[64] < 1


def test_a_model_that_tells_nothing_is_refused(
    with_recipe: Callable[..., Bundle], tiny_bundle: Callable[..., Bundle]
) -> None:
    with pytest.raises(ModelError, match="--data"):
        training_look(with_recipe())
    with pytest.raises(ModelError, match="Nothing tells"):
        training_look(tiny_bundle("without-recipe"))


def test_a_look_is_kept_in_the_bundle_and_handed_down(
    with_recipe: Callable[..., Bundle],
    tiny_bundle: Callable[..., Bundle],
    data: Path,
    tmp_path: Path,
) -> None:
    bundle = with_recipe(phantoms=1)
    computed = training_look(bundle, data)
    (bundle.folder / LOOK_FILE).write_text(look_text(computed))
    kept = training_look(bundle)
    assert (kept.sources, kept.n_images) == (computed.sources, computed.n_images)
    np.testing.assert_allclose(kept.shares, computed.shares, atol=1e-5)
    # A root without any of the data sets is as good as none.
    assert training_look(bundle, tmp_path).sources == computed.sources
    child = tiny_bundle("child")
    assert child.card is not None
    training = child.card.training.model_copy(update={"parent": bundle.name})
    child = replace(child, card=child.card.model_copy(update={"training": training}))
    assert training_look(child).sources == computed.sources
    (bundle.folder / LOOK_FILE).write_text('{"shares": [1, 0]}')
    with pytest.raises(ModelError, match="restore"):
        training_look(bundle)


def test_shipped_models_tell_what_their_data_look_like() -> None:
    for bundle in list_bundles():
        if bundle.shipped and bundle.card and bundle.card.input.plane == "bscan":
            recipe = read_recipe(bundle.folder / "recipe.json")
            look = training_look(bundle)
            assert set(look.sources) == {source.name for source in recipe.sources}
            assert look.shares[-1] == 1
