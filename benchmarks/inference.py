"""Time the engine against the plain way, ONNX Runtime and the machine's ceiling.

    python -m benchmarks.inference                    # all shipped models, this CPU
    python -m benchmarks.inference --device cuda --json speed.json
    python -m benchmarks.inference --busy           # while the machine does other work

All contenders have the same weights and the same image and take turns in rounds:

plain     eager fp32, one image at a time, as published networks are run
onnx      ONNX Runtime (if installed), fp32, all threads, its best graph optimisation
engine    the network as `segment` and `segment_enface` run it, alone, and the whole way
          from image to labels
ceiling   the time that the network's multiplications would take in the engine's
          precision at the rate of the machine's best large matrix product
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import os
import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from napari_octseg import OCTVolume, list_models, segment_enface
from napari_octseg.bundles.registry import find_bundle, load_network
from napari_octseg.engine.device import choose_device
from napari_octseg.engine.inference import iter_segment
from napari_octseg.engine.loaded import loaded_network
from napari_octseg.engine.memory import freed_memory_kept
from napari_octseg.engine.precision import make_runner
from napari_octseg.engine.preprocess import prepare_bscan, prepare_image
from napari_octseg.engine.tiling import predict_tiled
from napari_octseg.phantom import PhantomSettings, make_phantom

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from napari_octseg.bundles.card import ModelCard, Tiling
    from napari_octseg.engine.runner import Runner

    Clock = Callable[[], float]

MATRICES = ((1024, 1024, 1024), (2048, 2048, 2048), (4096, 512, 1152), (4096,) * 3)
CALLS = 3  # timed calls of a contender in one round, after one to warm up
ENFACE_SIDE = 512  # px


@dataclass(frozen=True)
class Job:
    """What is timed: a model on an image of its kind.

    `image` is the input of the network, (1, C, H, W); `label` the whole way to labels;
    `held` the network of the engine, which keeps it as long as somebody holds it.
    """

    card: ModelCard
    network: nn.Module
    held: nn.Module
    image: Tensor
    label: Callable[[], list[float]]


def main() -> None:
    """Measure, print a Markdown table, write JSON if asked."""
    # Only what is shipped: models of one's own are somewhere else.
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_OCTSEG_MODELS"] = folder
        shipped = [card.name for card in list_models()]
        asked = parsed(shipped)
        device = choose_device(asked.device).device
        if asked.busy:
            torch.set_num_threads(1)
        now = time.process_time if asked.busy else time.perf_counter
        rows = [
            measure(job_of(name, device, now), device, asked.rounds, now)
            for name in asked.models
        ]
    print(as_markdown(rows, device))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2) + "\n")


def parsed(shipped: list[str]) -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description="Speed of the inference engine")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", nargs="+", default=shipped, choices=shipped)
    parser.add_argument(
        "--busy",
        action="store_true",
        help="one thread, processor time instead of wall time",
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    return parser.parse_args()


def job_of(name: str, device: torch.device, now: Clock) -> Job:
    """A shipped model, on a phantom: labels of noise would say nothing."""
    bundle = find_bundle(name)
    card = bundle.card
    assert card is not None
    if card.input.plane == "enface":
        picture = phantom_enface()
        shown = torch.from_numpy(OCTVolume(picture).bscan_as_shown(0))[None]
        return Job(
            card,
            load_network(bundle),
            loaded_network(bundle),
            prepare_image(shown, card.input)[None],
            lambda: timed(
                lambda: segment_enface(picture, name, device=str(device)), device, now
            ),
        )
    volume = phantom_volume()
    image = prepare_bscan(volume, 0, card.input)[None]
    return Job(
        card,
        load_network(bundle),
        loaded_network(bundle),
        image,
        lambda: label_bscans(volume, name, device, now),
    )


def measure(job: Job, device: torch.device, rounds: int, now: Clock) -> dict[str, Any]:
    """All figures of one model."""
    tiling = job.card.input.tiling
    with FlopCounterMode(display=False) as counter:
        plain(job, torch.device("cpu"))()
    gflop = counter.get_total_flops() / 1e9
    job.label()  # the engine finds out the precision that suits
    runner = make_runner(
        job.held, job.card, device, "auto", batch=job.image, labels_of=most_likely
    )
    there = job.image.to(device, memory_format=torch.channels_last)
    calls: dict[str, Callable[[], list[float]]] = {
        "plain": lambda: timed(plain(job, device), device, now),
        "engine": lambda: engine(runner, there, now),
        "to labels": job.label,
        "ceiling": lambda: ceiling(gflop, device, runner.dtype, now),
    }
    if device.type == "cpu" and importlib.util.find_spec("onnxruntime"):
        through = windowed(onnx_network(job), tiling)
        calls["onnx"] = lambda: timed(lambda: through(job.image), device, now)
    seconds: dict[str, list[float]] = {key: [] for key in calls}
    for _ in range(rounds):
        for key, run in calls.items():
            seconds[key] += run()
    return {
        "model": job.card.name,
        "plane": job.card.input.plane,
        "input": list(job.image.shape),
        "tiling": tiling.model_dump() if tiling else None,
        "gflop": gflop,
        "device": str(device),
        "precision": str(runner.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "median_ms": {k: 1e3 * statistics.median(v) for k, v in seconds.items()},
        "min_ms": {k: 1e3 * min(v) for k, v in seconds.items()},
    }


def phantom_volume() -> OCTVolume:
    """A few phantom B-scans of 496 × 512 px."""
    shape = (CALLS + 2, 496, 512)
    return make_phantom(PhantomSettings(shape=shape, findings=("SRF",))).volume


def phantom_enface() -> NDArray[np.float32]:
    """A phantom seen from the front: the mean over the depth, vessels dark."""
    shape = (ENFACE_SIDE // 4, 128, ENFACE_SIDE // 2)
    data = make_phantom(PhantomSettings(shape=shape)).volume.data
    seen = torch.from_numpy(data.mean(1, dtype="float32"))[None, None]
    large = functional.interpolate(seen, (ENFACE_SIDE, ENFACE_SIDE), mode="bicubic")
    return large[0, 0].numpy()


def most_likely(probabilities: Tensor) -> NDArray[np.uint8]:
    """Labels of one image."""
    return probabilities.argmax(1)[0].to(torch.uint8).cpu().numpy()


def windowed(
    network: Callable[[Tensor], Tensor], tiling: Tiling | None
) -> Callable[[Tensor], Tensor]:
    """The network on whole images, by way of windows if its card says so."""
    if tiling is None:
        return network
    return lambda images: predict_tiled(network, images, tiling)


def timed(call: Callable[[], object], device: torch.device, now: Clock) -> list[float]:
    """Seconds of `CALLS` calls, after one that does not count."""
    seconds = []
    for _ in range(CALLS + 1):
        wait_for(device)
        started = now()
        call()
        wait_for(device)
        seconds.append(now() - started)
    return seconds[1:]


def wait_for(device: torch.device) -> None:
    """Let the device finish: GPUs work in the background."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def plain(job: Job, device: torch.device) -> Callable[[], Tensor]:
    """Eager fp32, contiguous, one image at a time."""
    through = windowed(job.network.to(device), job.card.input.tiling)
    there = job.image.to(device)

    @torch.inference_mode()
    def run() -> Tensor:
        return through(there)

    return run


@torch.inference_mode()
def engine(runner: Runner, there: Tensor, now: Clock) -> list[float]:
    """The engine's network on an image that is already on the device."""
    through = windowed(runner.network, runner.tiling)
    with freed_memory_kept():
        return timed(lambda: through(there), there.device, now)


def label_bscans(
    volume: OCTVolume, name: str, device: torch.device, now: Clock
) -> list[float]:
    """`iter_segment` per B-scan: preparation, network, boundaries, labels."""
    seconds = []
    started = now()
    for _ in iter_segment(volume, name, device=str(device), batch_size=1):
        seconds.append(now() - started)
        started = now()
    return seconds[-CALLS:]  # before: loading, and the first B-scan


@torch.inference_mode()
def ceiling(
    gflop: float, device: torch.device, dtype: torch.dtype, now: Clock
) -> list[float]:
    """Seconds for `gflop` at the rate of the best of several large matrix products."""
    best = 0.0
    for m, n, k in MATRICES:
        a = torch.randn(m, k).to(device, dtype)
        b = torch.randn(k, n).to(device, dtype)
        straight = b.t().contiguous()
        out = torch.empty(m, n, device=device, dtype=dtype)
        for product in (
            lambda a=a, b=b, out=out: torch.mm(a, b, out=out),
            lambda a=a, b=straight: torch.nn.functional.linear(a, b),
        ):
            best = max(best, 2e-9 * m * n * k / min(timed(product, device, now)))
    return [gflop / best]


def onnx_network(job: Job) -> Callable[[Tensor], Tensor]:
    """The network in ONNX Runtime, with the settings its makers recommend."""
    import onnxruntime

    tiling = job.card.input.tiling
    image = job.image[..., : tiling.size[0], : tiling.size[1]] if tiling else job.image
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        file = Path(folder) / "network.onnx"
        torch.onnx.export(
            job.network, (image,), file, input_names=["image"], dynamo=False
        )
        exported = file.read_bytes()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        exported, options, providers=["CPUExecutionProvider"]
    )

    def run(images: Tensor) -> Tensor:
        (logits,) = session.run(None, {"image": images.contiguous().numpy()})
        return torch.from_numpy(logits)

    return run


def as_markdown(rows: list[dict[str, Any]], device: torch.device) -> str:
    """Table for the README: ms per image, median (fastest), and images per second."""
    lines = [
        "| model | input | plain fp32 | ONNX Runtime | engine | ceiling | "
        "engine ÷ plain | ÷ ONNX | of ceiling | image → labels | images/s |",
        "|---" * 11 + "|",
    ]
    for row in rows:
        median, fastest = row["median_ms"], row["min_ms"]

        def ms(key: str, median: Any = median, fastest: Any = fastest) -> str:
            if key not in median:
                return "–"
            return f"{median[key]:.1f} ({fastest[key]:.1f})"

        def ratio(a: str, median: Any = median, fastest: Any = fastest) -> str:
            if a not in median:
                return "–"
            typical, best = (t[a] / t["engine"] for t in (median, fastest))
            return f"{typical:.2f} ({best:.2f})"

        cells = [
            row["model"],
            "×".join(str(side) for side in row["input"]),
            *(ms(key) for key in ("plain", "onnx", "engine", "ceiling")),
            *(ratio(key) for key in ("plain", "onnx", "ceiling")),
            ms("to labels"),
            f"{1e3 / median['to labels']:.1f} ({1e3 / fastest['to labels']:.1f})",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    load = rows[-1]["load_average"]
    lines += [
        "",
        f"ms per image (B-scan or en-face image), median (fastest). {device}, "
        f"{rows[0]['threads']} threads, engine in "
        f"{', '.join(sorted({row['precision'] for row in rows}))}, "
        f"torch {torch.__version__}"
        + (f"; load average {', '.join(f'{v:.1f}' for v in load)}." if load else "."),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
