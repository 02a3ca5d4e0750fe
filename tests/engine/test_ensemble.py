"""Several models, and several views, as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_octseg import OCTVolume, iter_segment, segment, segment_enface
from napari_octseg.engine import runner
from napari_octseg.engine.inference import Segmentation
from napari_octseg.engine.postprocess import column_uncertainty
from napari_octseg.engine.runner import Runner, run_within_memory
from napari_octseg.engine.views import ALL_EIGHT
from napari_octseg.errors import DeviceError, ModelError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from tests.conftest import MakeBundle

DEPTH, WIDTH = 40, 48
EXACT = {"device": "cpu", "precision": "fp32"}


def volume(n_bscans: int = 3) -> OCTVolume:
    pixels = np.random.default_rng(0).integers(0, 254, (n_bscans, DEPTH, WIDTH))
    return OCTVolume(pixels.astype(np.uint8))


def segmented(scan: OCTVolume, model: str | list[str], **options: object):
    result = segment(scan, model, **{**EXACT, **options})
    assert isinstance(result, Segmentation)
    return result


@pytest.fixture
def pair(tiny_bundle: MakeBundle) -> list[str]:
    """Models of one label set that look at the B-scan in different ways."""
    tiny_bundle("a", layers=(), intensity="unit")
    tiny_bundle("b", layers=(), intensity="zscore", size=[24, 64], n_neighbours=1)
    return ["a", "b"]


def test_probabilities_are_the_mean_at_the_size_of_the_scan(pair: list[str]) -> None:
    scan = volume()
    both = segmented(scan, pair)
    singles = [segmented(scan, name) for name in pair]
    mean = sum(one.probabilities_of(1) for one in singles) / 2
    assert np.allclose(both.probabilities_of(1), mean, atol=1e-5)
    assert not np.allclose(singles[0].probabilities_of(1), mean, atol=1e-3)
    assert np.array_equal(both.labels[1], mean.argmax(axis=0))
    expected = column_uncertainty(torch.from_numpy(mean)[None])[0].numpy()
    assert np.allclose(both.uncertainty[1], expected, atol=1e-5)
    assert both.model.name == "a"
    assert [card.name for card in both.others] == ["b"]


def test_three_models_count_equally(pair: list[str], tiny_bundle: MakeBundle) -> None:
    tiny_bundle("c", layers=(), tiling={"size": [32, 32], "overlap": [8, 8]})
    scan = volume(1)
    names = [*pair, "c"]
    mean = sum(segmented(scan, name).probabilities_of(0) for name in names) / 3
    all_three = segmented(scan, names).probabilities_of(0)
    assert np.allclose(all_three, mean, atol=1e-5)
    turned = segmented(scan, names[::-1]).probabilities_of(0)
    assert np.allclose(all_three, turned, atol=1e-5)


def test_models_of_layers_give_boundaries_of_their_mean(
    tiny_bundle: MakeBundle,
) -> None:
    tiny_bundle("a")
    tiny_bundle("b", size=[32, 32])
    data = volume(2).data
    data[:, :, :7] = 255  # a wedge beside the scan
    result = segmented(OCTVolume(data), ["a", "b"])
    assert result.boundaries is not None
    assert result.boundaries.heights.shape == (3, 2, WIDTH)
    assert np.isnan(result.boundaries.heights[:, :, :6]).all()
    assert (result.labels[:, :, :6] == 0).all()


def test_a_list_of_one_is_that_model(pair: list[str]) -> None:
    alone, listed = segmented(volume(), "a"), segmented(volume(), ["a"])
    assert np.array_equal(alone.labels, listed.labels)
    assert listed.others == ()


def test_flips_make_left_and_right_equal(tiny_bundle: MakeBundle) -> None:
    tiny_bundle("a", layers=())
    scan, mirrored = volume(2), OCTVolume(volume(2).data[..., ::-1].copy())
    straight = segmented(scan, "a", flips=True)
    turned = segmented(mirrored, "a", flips=True)
    assert np.allclose(
        straight.probabilities_of(1), turned.probabilities_of(1)[..., ::-1], atol=1e-5
    )
    assert np.array_equal(straight.labels, turned.labels[..., ::-1])
    plain = [segmented(one, "a").probabilities_of(1) for one in (scan, mirrored)]
    assert not np.allclose(plain[0], plain[1][..., ::-1], atol=1e-3)
    mean = (plain[0] + plain[1][..., ::-1]) / 2
    assert np.allclose(straight.probabilities_of(1), mean, atol=1e-5)


def test_flips_and_models_go_together(pair: list[str]) -> None:
    scan = volume(1)
    mean = sum(segmented(scan, n, flips=True).probabilities_of(0) for n in pair) / 2
    both = segmented(scan, pair, flips=True).probabilities_of(0)
    assert np.allclose(both, mean, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{}, {"size": [32, 48]}, {"tiling": {"size": [32, 48], "overlap": [8, 16]}}],
    ids=["whole", "fixed size", "tiles that are not square"],
)
def test_an_en_face_image_may_lie_in_any_way(
    tiny_bundle: MakeBundle, options: dict[str, object]
) -> None:
    classes = ("background", "vessel")
    tiny_bundle("v", plane="enface", classes=classes, layers=(), **options)
    image = np.random.default_rng(1).integers(0, 255, (32, 48), np.uint8)
    straight = segment_enface(image, "v", flips=True, **EXACT)
    for turned, undo in (
        (image[::-1], lambda p: p[:, ::-1]),
        (image[:, ::-1], lambda p: p[:, :, ::-1]),
        (image[::-1, ::-1], lambda p: p[:, ::-1, ::-1]),
    ):
        again = segment_enface(np.ascontiguousarray(turned), "v", flips=True, **EXACT)
        assert np.allclose(straight.probabilities, undo(again.probabilities), atol=1e-5)
    plain = segment_enface(image, "v", **EXACT)
    assert not np.allclose(plain.probabilities, straight.probabilities, atol=1e-4)


def test_a_quarter_turn_of_a_square_turns_the_answer(tiny_bundle: MakeBundle) -> None:
    classes = ("background", "vessel")
    tiny_bundle("v", plane="enface", classes=classes, layers=())
    image = np.random.default_rng(1).integers(0, 255, (32, 32), np.uint8)
    straight = segment_enface(image, "v", flips=True, **EXACT).probabilities
    turned = segment_enface(np.rot90(image).copy(), "v", flips=True, **EXACT)
    assert np.allclose(np.rot90(straight, axes=(1, 2)), turned.probabilities, atol=1e-5)


def test_en_face_models_are_averaged_too(tiny_bundle: MakeBundle) -> None:
    options = {"plane": "enface", "classes": ("background", "vessel"), "layers": ()}
    tiny_bundle("v", **options)
    tiny_bundle("w", size=[24, 24], intensity="unit", **options)
    image = np.random.default_rng(1).integers(0, 255, (32, 40), np.uint8)
    both = segment_enface(image, ["v", "w"], **EXACT)
    singles = [segment_enface(image, name, **EXACT).probabilities for name in "vw"]
    assert np.allclose(both.probabilities, sum(singles) / 2, atol=1e-5)
    assert np.array_equal(both.labels, both.probabilities.argmax(axis=0))
    assert [card.name for card in both.others] == ["w"]


def test_batches_give_the_same_labels(pair: list[str]) -> None:
    one = segmented(volume(7), pair, batch_size=1, flips=True)
    three = segmented(volume(7), pair, batch_size=3, flips=True)
    assert np.array_equal(one.labels, three.labels)
    assert np.allclose(one.uncertainty, three.uncertainty, atol=1e-5)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_too_little_memory_makes_batches_smaller(
    pair: list[str], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    expected = segmented(volume(9), pair).labels
    whole = Runner._whole
    refused = []

    def crowded(self: Runner, images: Tensor) -> Tensor:
        # The second model is the larger one: it takes half as many.
        is_larger = images.shape[1] == 3
        if len(images) > max(1, most // 2 if is_larger else most):
            refused.append(len(images))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return whole(self, images)

    monkeypatch.setattr(runner.Runner, "_whole", crowded)
    result = segmented(volume(9), pair, batch_size=5)
    assert refused
    assert np.array_equal(result.labels, expected)
    monkeypatch.setattr(runner.Runner, "_whole", _full)
    with pytest.raises(DeviceError, match="too little memory"):
        segmented(volume(9), pair)


def _full(self: Runner, images: Tensor) -> Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory.")


def test_parts_of_different_sizes_stay_in_order(
    tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Five B-scans where two fit: parts of two, one and two.
    tiny_bundle("a", layers=())
    expected = segmented(volume(6), "a").labels
    whole = Runner._whole

    def crowded(self: Runner, images: Tensor) -> Tensor:
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return whole(self, images)

    monkeypatch.setattr(runner.Runner, "_whole", crowded)
    assert np.array_equal(segmented(volume(6), "a", batch_size=5).labels, expected)


def test_closing_cancels_and_keeps_what_is_done(pair: list[str]) -> None:
    task = iter_segment(volume(), pair, flips=True, **EXACT)
    assert "The a network and The b network" in next(task).message
    step = next(task)
    task.close()
    assert not torch.is_inference_mode_enabled()
    assert (step.result.labels[0] != IGNORE).all()
    assert (step.result.labels[1:] == IGNORE).all()


def test_models_that_do_not_fit_are_refused_with_the_reason(
    pair: list[str], tiny_bundle: MakeBundle
) -> None:
    tiny_bundle("other", classes=("background", "IRF", "SRF"), layers=())
    tiny_bundle("turned", classes=("background", "GCIPL", "RNFL"), layers=())
    tiny_bundle("layers", layers=("RNFL", "GCIPL"))
    tiny_bundle("vessels", plane="enface", layers=())
    for second, reason in (
        ("other", r"their classes differ \(background, RNFL, GCIPL; background, IRF"),
        ("turned", "same classes in the same order"),
        ("layers", r"their layers differ \(none; RNFL, GCIPL\)"),
        ("vessels", "is for en-face images"),
        ("a", "was given twice"),
        ("nobody", "No model is called 'nobody'"),
    ):
        with pytest.raises(ModelError, match=reason):
            segment(volume(), ["a", second])
    with pytest.raises(ModelError, match="No model was given"):
        segment(volume(), [])
    with pytest.raises(ModelError, match="is for B-scans"):
        segment(volume(16), ["vessels", "a"])


def test_a_runner_shows_its_network_every_view_once() -> None:
    class Corner(nn.Module):
        """The class depends on how far right a pixel is."""

        def forward(self, x: Tensor) -> Tensor:
            right = torch.linspace(-4, 4, x.shape[-1]).expand(len(x), 1, *x.shape[-2:])
            return torch.cat([-right, right], dim=1)

    images = torch.zeros(2, 1, 6, 6)
    network = Runner(Corner(), torch.device("cpu"), views=ALL_EIGHT)
    (seen,) = run_within_memory(network, images)
    assert seen.shape == (2, 2, 6, 6)
    assert torch.allclose(seen, torch.full_like(seen, 0.5), atol=1e-6)
