"""Segmenting volumes: order, streaming, cancelling, memory."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import dask.array
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_octseg import OCTVolume, iter_segment, segment
from napari_octseg.engine import ensemble, runner
from napari_octseg.engine.batching import outward
from napari_octseg.errors import DeviceError, ModelError, VolumeError
from napari_octseg.labels import IGNORE

if TYPE_CHECKING:
    from tests.conftest import MakeBundle

DEPTH, WIDTH = 40, 48


def pixels(n_bscans: int = 5) -> np.ndarray:
    """B-scans whose lower part is bright, below a boundary that moves down."""
    rows = np.arange(DEPTH)[None, :, None]
    top = np.arange(n_bscans)[:, None, None] + 10
    noise = np.random.default_rng(0).integers(0, 30, (n_bscans, DEPTH, WIDTH))
    return (np.where(rows >= top, 200, 20) + noise).astype(np.uint8)


class Threshold(nn.Module):
    """Bright pixels are class 1: a network whose answer is known."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 1)
        with torch.no_grad():
            self.conv.weight[:] = torch.tensor([0.0, 40, -40])[:, None, None, None]
            self.conv.bias[:] = torch.tensor([0.0, -20, -20])

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


@pytest.fixture
def threshold(tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a bundle without layers whose network is `Threshold`."""
    tiny_bundle("threshold", layers=(), intensity="unit")
    monkeypatch.setattr(ensemble, "loaded_network", lambda bundle: Threshold().eval())
    return "threshold"


def test_labels_are_what_the_network_says(threshold: str) -> None:
    result = segment(OCTVolume(pixels()), threshold, device="cpu")
    assert result.labels.dtype == np.uint8
    assert np.array_equal(result.labels, (pixels() > 127).astype(np.uint8))
    assert result.label_set.names == ("background", "RNFL", "GCIPL")
    assert result.boundaries is None
    assert ((result.uncertainty >= 0) & (result.uncertainty < 0.05)).all()
    assert result.device == "cpu"
    assert result.seconds > 0


def test_a_model_of_layers_gives_boundaries_and_labels_that_agree(
    tiny_bundle: MakeBundle,
) -> None:
    tiny_bundle()
    result = segment(OCTVolume(pixels(2)), "tiny", device="cpu")
    assert result.boundaries is not None
    assert result.boundaries.names == ("ILM", "RNFL/GCL", "bottom of GCIPL")
    assert result.boundaries.heights.shape == (3, 2, WIDTH)
    below_top = np.arange(DEPTH)[:, None] >= result.boundaries["ILM"][:, None]
    assert not (result.labels[~below_top]).any()


def test_probabilities_are_computed_when_asked_for(threshold: str) -> None:
    result = segment(OCTVolume(pixels(2)), threshold, device="cpu")
    probabilities = result.probabilities_of(1)
    assert probabilities.shape == (3, DEPTH, WIDTH)
    assert np.allclose(probabilities.sum(0), 1, atol=1e-5)
    assert np.array_equal(probabilities.argmax(0), result.labels[1])
    with pytest.raises(VolumeError, match="B-scan 2 of a volume with 2"):
        result.probabilities_of(2)


def test_the_bscan_on_screen_comes_first_and_then_outward(threshold: str) -> None:
    steps = list(iter_segment(OCTVolume(pixels(6)), threshold, device="cpu", first=4))
    assert [i for step in steps for i in step.updated] == [4, 3, 5, 2, 1, 0]
    assert [step.done for step in steps] == [0, 1, 2, 3, 4, 5, 6]
    assert {step.total for step in steps} == {6}
    assert "CPU" in steps[0].message


def test_only_the_wanted_bscans_are_segmented(threshold: str) -> None:
    volume = OCTVolume(pixels())
    result = segment(volume, threshold, device="cpu", bscans=[3, 1, 3])
    done = [bool((image != IGNORE).all()) for image in result.labels]
    assert done == [False, True, False, True, False]
    assert np.isnan(result.uncertainty[[0, 2, 4]]).all()


def test_no_bscans_are_no_work(threshold: str) -> None:
    result = segment(OCTVolume(pixels()), threshold, device="cpu", bscans=[])
    assert (result.labels == IGNORE).all()


@pytest.mark.parametrize("wrong", [{"bscans": [0, 5]}, {"bscans": [-1]}, {"first": 5}])
def test_bscans_outside_the_volume_are_an_error(
    threshold: str, wrong: dict[str, object]
) -> None:
    with pytest.raises(VolumeError, match="0 to 4"):
        segment(OCTVolume(pixels()), threshold, **wrong)


def test_batches_give_the_same_labels(threshold: str) -> None:
    volume = OCTVolume(pixels(7))
    steps = iter_segment(volume, threshold, device="cpu", batch_size=3)
    *_, last = (list(step.updated) for step in steps)
    assert last == [4, 5, 6]
    one = segment(volume, threshold, device="cpu", batch_size=1)
    three = segment(volume, threshold, device="cpu", batch_size=3)
    assert np.array_equal(one.labels, three.labels)


def test_results_stream_while_the_task_runs(threshold: str) -> None:
    for step in iter_segment(OCTVolume(pixels()), threshold, device="cpu"):
        for index in step.updated:
            assert (step.result.labels[index] != IGNORE).all()
        if step.done:
            assert (step.result.labels != IGNORE).all(axis=(1, 2)).sum() == step.done


def test_closing_cancels_keeps_what_is_done_and_leaves_no_mode_behind(
    threshold: str,
) -> None:
    task = iter_segment(OCTVolume(pixels()), threshold, device="cpu")
    next(task)
    step = next(task)
    assert not torch.is_inference_mode_enabled()
    task.close()
    assert (step.result.labels[0] != IGNORE).all()
    assert (step.result.labels[1:] == IGNORE).all()
    with pytest.raises(StopIteration):
        next(task)


def test_too_little_memory_makes_batches_smaller_for_good(
    threshold: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    whole = runner.Runner._whole

    def crowded(self: runner.Runner, images: Tensor) -> Tensor:
        sizes.append(len(images))
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return whole(self, images)

    monkeypatch.setattr(runner.Runner, "_whole", crowded)
    volume = OCTVolume(pixels(9))
    options = {"device": "cpu", "precision": "fp32", "batch_size": 4}
    result = segment(volume, threshold, **options)
    assert np.array_equal(result.labels, (pixels(9) > 127).astype(np.uint8))
    assert sizes == [1, 4, 2, 2, 2, 2]


def test_no_memory_for_one_bscan_is_an_error_with_a_cure(
    threshold: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: runner.Runner, images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(runner.Runner, "_whole", full)
    with pytest.raises(DeviceError, match="choose a smaller model"):
        segment(OCTVolume(pixels()), threshold, device="cpu")


def test_a_dask_volume_is_loaded_one_bscan_at_a_time(threshold: str) -> None:
    loaded: list[int] = []

    def load(block_id: tuple[int, ...] = (0, 0, 0)) -> np.ndarray:
        loaded.append(block_id[0])
        return pixels(6)[block_id[0]][None]

    data = dask.array.map_blocks(
        load, chunks=((1,) * 6, DEPTH, WIDTH), dtype=np.uint8, meta=np.empty((0, 0, 0))
    ).astype(np.uint8)
    volume = OCTVolume(data)
    loaded.clear()
    for step in iter_segment(volume, threshold, device="cpu", first=2):
        assert len(loaded) == step.done
    assert sorted(loaded) == list(range(6))


def test_memory_is_that_of_the_labels_and_one_batch(threshold: str) -> None:
    n_bscans, side = 60, 256
    volume = OCTVolume(
        dask.array.random.default_rng(0).integers(
            0, 255, (n_bscans, side, side), dtype=np.uint8, chunks=(1, side, side)
        )
    )
    list(iter_segment(volume, threshold, device="cpu", bscans=[0]))
    tracemalloc.start()
    try:
        result = segment(volume, threshold, device="cpu")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result.labels != IGNORE).all()
    one_batch = 4 * side * side * 12  # float32 images and planes
    assert peak < result.labels.nbytes + one_batch


def test_neighbours_are_channels(tiny_bundle: MakeBundle) -> None:
    tiny_bundle("fluid", n_neighbours=1, layers=())
    result = segment(OCTVolume(pixels(3)), "fluid", device="cpu")
    assert (result.labels != IGNORE).all()


def test_tiles_of_the_card_are_used(threshold: str, tiny_bundle: MakeBundle) -> None:
    tiling = {"size": [32, 32], "overlap": [8, 8]}
    tiny_bundle("tiles", layers=(), intensity="unit", tiling=tiling)
    volume = OCTVolume(pixels(2))
    tiled = segment(volume, "tiles", device="cpu")
    assert np.array_equal(tiled.labels, segment(volume, threshold).labels)


def test_a_white_wedge_has_no_layers(tiny_bundle: MakeBundle) -> None:
    tiny_bundle()
    data = pixels(1)
    data[:, :, :7] = 255
    result = segment(OCTVolume(data), "tiny", device="cpu")
    assert result.boundaries is not None
    assert np.isnan(result.boundaries.heights[:, 0, :7]).all()
    assert (result.labels[0, :, :7] == 0).all()


def test_a_missing_gpu_is_said_in_the_first_step(
    threshold: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    task = iter_segment(OCTVolume(pixels()), threshold, device="cuda")
    assert "using the CPU instead" in next(task).message
    task.close()


def test_an_unknown_model_is_an_error_that_lists_the_known_ones(threshold: str) -> None:
    with pytest.raises(ModelError, match="Allowed: threshold"):
        segment(OCTVolume(pixels()), "no-such-model")


def test_an_en_face_model_gives_no_labels_of_bscans(tiny_bundle: MakeBundle) -> None:
    tiny_bundle("vessels", plane="enface", layers=())
    with pytest.raises(
        ModelError, match="choose models of one kind; in Python iter_vessel"
    ):
        next(iter_segment(OCTVolume(pixels()), "vessels"))


def test_outward_is_by_distance() -> None:
    assert outward(5, None, 2) == [2, 1, 3, 0, 4]
    assert outward(5, [4, 0], 1) == [0, 4]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_gives_the_labels_of_the_cpu(threshold: str) -> None:
    volume = OCTVolume(pixels(40))
    on_gpu = segment(volume, threshold, device="cuda")
    assert on_gpu.device.startswith("cuda")
    on_cpu = segment(volume, threshold, device="cpu")
    assert np.mean(on_gpu.labels == on_cpu.labels) >= 0.999
