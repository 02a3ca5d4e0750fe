"""How close few windows come to the published mean of 22 801, and how much faster.

    python -m benchmarks.overlap                          # a phantom from the front
    python -m benchmarks.overlap --image 21_training.tif  # a picture; its green channel
    python -m benchmarks.overlap --side 288 --width 8     # minutes instead of an hour
    python -m benchmarks.overlap --busy            # while the machine does other work

The published way takes the mean over 128 × 128 windows that begin every 3 px. The
difference is measured against all of them, in fp32. Their time is that of some windows,
run one at a time in eager fp32 as published networks are run, times their number; the
few are timed as a whole. The model is `iternet-fundus`; where it is not there, or with
`--width`, an IterNet of random weights whose logits are shifted and scaled to those of
a trained one. Its time is as good as any, but borders disturb it far more.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np
import torch
from torch.nn import functional

from benchmarks.inference import phantom_enface
from napari_octseg.bundles.registry import find_bundle, load_network
from napari_octseg.engine.device import choose_device
from napari_octseg.engine.overlap import all_windows, predict_averaged, spread_windows
from napari_octseg.engine.preprocess import prepare_image
from napari_octseg.engine.runner import Runner
from napari_octseg.errors import ModelError
from napari_octseg.networks import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    Clock = Callable[[], float]

MODEL = "iternet-fundus"
SIZE, STRIDE = (128, 128), 3
SAMPLE = 20  # windows whose time stands for all


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Few windows against all of them")
    parser.add_argument("--image", type=Path, help="a picture instead of a phantom")
    parser.add_argument("--side", type=int, default=576, help="px, cut from the middle")
    parser.add_argument("--width", type=int, help="random IterNet of this width")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument(
        "--busy",
        action="store_true",
        help="one thread, processor time instead of wall time",
    )
    asked = parser.parse_args()
    if asked.busy:
        torch.set_num_threads(1)
    now = time.process_time if asked.busy else time.perf_counter
    device = choose_device(asked.device).device
    image = picture(asked.image, asked.side)
    network, image, name = model(image, asked.width)
    runner = Runner(network, device)
    at_once = 32 if device.type == "cuda" else 1
    there = image.to(device)

    def averaged(choose: object) -> tuple[Tensor, float]:
        started = now()
        probabilities = predict_averaged(
            runner, there, SIZE, STRIDE, choose=choose, at_once=at_once
        )[0, 1].cpu()
        return probabilities, now() - started

    lengths = tuple(n + (SIZE[0] - n) % STRIDE for n in image.shape[-2:])
    n_all = len(all_windows(lengths, SIZE, STRIDE))
    n_few = len(spread_windows(lengths, SIZE, STRIDE))
    plain_s = n_all * seconds_of_a_window(network.to(device), there, now)
    averaged(spread_windows)  # the first run lays out weights
    few, few_s = averaged(spread_windows)
    print(f"{name}, {image.shape[-2]} × {image.shape[-1]} px, {device}, fp32")
    print(f"all {n_all} windows come next, about {few_s * n_all / n_few / 60:.0f} min")
    every, every_s = averaged(all_windows)
    difference = (few - every).abs()
    changed = ((few > 0.5) != (every > 0.5)).float().mean()
    print("\n| way | windows | seconds | windows a second |\n|---|---|---|---|")
    for way, count, seconds in (
        (f"published, from {SAMPLE} windows", n_all, plain_s),
        ("all, in this engine", n_all, every_s),
        ("few, in this engine", n_few, few_s),
    ):
        print(f"| {way} | {count} | {seconds:.1f} | {count / seconds:.1f} |")
    print(
        f"\n{plain_s / few_s:.0f} × faster than the published way, "
        f"{every_s / few_s:.0f} × faster than all windows in this engine; "
        f"mean absolute difference {difference.mean():.5f}, "
        f"at most {difference.max():.3f}; "
        f"{100 * changed:.3f} % of px change sides of 0.5"
    )


def picture(path: Path | None, side: int) -> np.ndarray:
    """Square (side, side) float32 in 0…1 from the middle, black where there is none."""
    pixels = phantom_enface() if path is None else np.asarray(iio.imread(path))
    grey = (pixels[..., 1] if pixels.ndim == 3 else pixels).astype(np.float32)
    grey /= grey.max()
    missing = [max(0, side - n) for n in grey.shape]
    grey = np.pad(grey, [(n // 2, n - n // 2) for n in missing])
    top, left = ((n - side) // 2 for n in grey.shape)
    return grey[top : top + side, left : left + side]


def model(grey: np.ndarray, width: int | None) -> tuple[nn.Module, Tensor, str]:
    """A network, the image as it wants it (1, C, H, W), and what to call it."""
    image = torch.from_numpy(np.ascontiguousarray(grey))[None]
    if width is None:
        try:
            bundle = find_bundle(MODEL)
        except ModelError:
            width = 32
        else:
            assert bundle.card is not None
            spec = bundle.card.input.model_copy(update={"size": None, "tiling": None})
            return load_network(bundle), prepare_image(image, spec)[None], MODEL
    torch.manual_seed(0)
    network = build("iternet", {"width": width}).requires_grad_(False).eval()
    prepared = functional.pad(image[None], (0, -image.shape[-1] % 16) * 2)
    head = network.get_submodule("heads.3")
    logits = network(prepared)[:, 1]
    scale = 3 / logits.std()
    head.weight.mul_(scale)
    head.bias.sub_(logits.mean()).mul_(scale).sub_(3)
    return network, image[None], f"random IterNet of width {width}"


@torch.inference_mode()
def seconds_of_a_window(network: nn.Module, images: Tensor, now: Clock) -> float:
    """Mean time of one window in eager fp32, one at a time."""
    window = images[..., : SIZE[0], : SIZE[1]].contiguous()
    for n_calls in (2, SAMPLE):  # the first ones do not count
        started = now()
        for _ in range(n_calls):
            network(window).softmax(1).cpu()
    return (now() - started) / SAMPLE


if __name__ == "__main__":
    main()
