"""Time the engine against the plain way, ONNX Runtime and the machine's ceiling.

    python -m benchmarks.inference                    # both U-Nets, this machine's CPU
    python -m benchmarks.inference --device cuda --json speed.json
    python -m benchmarks.inference --busy           # while the machine does other work

All contenders have the same weights and the same image and take turns in rounds:

plain     eager fp32, one B-scan at a time, as published networks are run
onnx      ONNX Runtime, fp32, all threads, its best graph optimisation
engine    `iter_segment`: its network alone, and the whole way from B-scan to labels
ceiling   the time that the network's multiplications would take in the engine's
          precision at the rate of the machine's best large matrix product
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_octseg import OCTVolume, list_models
from napari_octseg.bundles.card import (
    Architecture,
    Input,
    ModelCard,
    Weights,
    class_entries,
)
from napari_octseg.bundles.registry import find_bundle, load_network, write_bundle
from napari_octseg.engine.device import choose_device, fast_dtypes
from napari_octseg.engine.inference import iter_segment
from napari_octseg.engine.memory import freed_memory_kept
from napari_octseg.engine.preprocess import prepare_bscan
from napari_octseg.labels import LabelSet
from napari_octseg.networks import build
from napari_octseg.phantom import PhantomSettings, make_phantom

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from napari_octseg.engine.runner import Precision, Runner

    Clock = Callable[[], float]

LAYERS = ("RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "RPE")
# Arguments of the network, side of its square input in px, layers.
CASES: dict[str, tuple[dict[str, Any], int, tuple[str, ...]]] = {
    "octid-unet": (
        {
            "n_classes": 9,
            "widths": [16, 32, 64, 128, 256],
            "dropout": [0.1, 0.1, 0.2, 0.2, 0.3, 0.2, 0.2, 0.1, 0.1],
            "norm": False,
        },
        640,
        (*LAYERS, "choroid"),
    ),
    "duke-unet": ({"n_classes": 8, "widths": [32, 64, 128, 256, 512]}, 512, LAYERS),
    "duke-unet-64": ({"n_classes": 8}, 512, LAYERS),
}
MATRICES = ((1024, 1024, 1024), (2048, 2048, 2048), (4096, 512, 1152), (4096,) * 3)
CALLS = 3  # timed calls of a contender in one round, after one to warm up


def main() -> None:
    """Measure, print a Markdown table, write JSON if asked."""
    parser = argparse.ArgumentParser(description="Speed of the inference engine")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument(
        "--busy",
        action="store_true",
        help="one thread, processor time instead of wall time",
    )
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    asked = parser.parse_args()
    device = choose_device(asked.device).device
    if asked.busy:
        torch.set_num_threads(1)
    seconds_now = time.process_time if asked.busy else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_OCTSEG_MODELS"] = folder
        rows = [
            measure(name, device, asked.rounds, Path(folder), seconds_now)
            for name in asked.models
        ]
    print(as_markdown(rows, device))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2) + "\n")


def measure(
    name: str, device: torch.device, rounds: int, folder: Path, now: Clock
) -> dict[str, Any]:
    """All figures of one model."""
    model = bundle_of(name, folder)
    bundle = find_bundle(model)
    assert bundle.card is not None
    spec = bundle.card.input
    volume = phantom_volume()
    network = load_network(bundle)
    image = prepare_bscan(volume, 0, spec)[None]
    with FlopCounterMode(display=False) as counter:
        network(image)
    gflop = counter.get_total_flops() / 1e9
    is_random = model.startswith("random-")
    # Labels of random weights hang on noise: the engine would reject half precision.
    precision = half_precision(device) if is_random else "auto"
    runner = first_runner(volume, model, device, precision)
    contenders: dict[str, Callable[[], list[float]]] = {
        "plain": lambda: plain(network.to(device), image, device, now),
        "engine": lambda: engine(runner, image, device, now),
        "engine, B-scan to labels": lambda: whole(
            volume, model, device, precision, now
        ),
        "ceiling": lambda: ceiling(gflop, device, runner.dtype, now),
    }
    if device.type == "cpu":
        session = onnx_session(network, image)
        feed = {"image": image.numpy()}
        contenders["onnx"] = lambda: timed(lambda: session.run(None, feed), device, now)
    seconds: dict[str, list[float]] = {key: [] for key in contenders}
    for _ in range(rounds):
        for key, run in contenders.items():
            seconds[key] += run()
    return {
        "model": name,
        "weights": "random" if is_random else "shipped",
        "input": list(image.shape),
        "gflop": gflop,
        "device": str(device),
        "precision": str(runner.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "load_average": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "median_ms": {k: 1e3 * statistics.median(v) for k, v in seconds.items()},
        "min_ms": {k: 1e3 * min(v) for k, v in seconds.items()},
    }


def bundle_of(name: str, folder: Path) -> str:
    """The shipped bundle, or one of the same architecture with random weights."""
    if name in [card.name for card in list_models()]:
        return name
    arguments, side, layers = CASES[name]
    torch.manual_seed(0)
    card = ModelCard(
        name=f"random-{name}",
        version="0",
        title=name,
        description="Random weights, for timing.",
        architecture=Architecture(name="unet", arguments=arguments),
        weights=Weights(sha256="0" * 64, n_parameters=1),
        classes=class_entries(LabelSet.of("background", *layers)),
        layers=layers,
        input=Input(size=(side, side), divisor=16),
        licence="none",
    )
    write_bundle(folder / card.name, card, build("unet", arguments))
    return card.name


def phantom_volume() -> OCTVolume:
    """A few phantom B-scans of 496 × 512 px: labels of noise say nothing."""
    shape = (CALLS + 2, 496, 512)
    return make_phantom(PhantomSettings(shape=shape, findings=("SRF",))).volume


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


@torch.inference_mode()
def plain(
    network: nn.Module, image: torch.Tensor, device: torch.device, now: Clock
) -> list[float]:
    """Eager fp32, contiguous, one B-scan at a time."""
    there = image.to(device)
    return timed(lambda: network(there), device, now)


@torch.inference_mode()
def engine(
    runner: Runner, image: torch.Tensor, device: torch.device, now: Clock
) -> list[float]:
    """The engine's network on one B-scan that is already on the device."""
    there = image.to(device, memory_format=torch.channels_last)
    with freed_memory_kept():
        return timed(lambda: runner.network(there), device, now)


def whole(
    volume: OCTVolume,
    model: str,
    device: torch.device,
    precision: Precision,
    now: Clock,
) -> list[float]:
    """`iter_segment` per B-scan: preparation, network, boundaries, labels."""
    steps = iter_segment(
        volume, model, device=str(device), precision=precision, batch_size=1
    )
    seconds = []
    started = now()
    for _ in steps:
        seconds.append(now() - started)
        started = now()
    return seconds[-CALLS:]  # before: loading, and the first B-scan


def half_precision(device: torch.device) -> Precision:
    """Half precision the device is fast in, or fp32."""
    fast = fast_dtypes(device)
    names: dict[torch.dtype, Precision] = {
        torch.bfloat16: "bf16",
        torch.float16: "fp16",
    }
    return names[fast[0]] if fast else "fp32"


def first_runner(
    volume: OCTVolume, model: str, device: torch.device, precision: Precision
) -> Runner:
    """The runner the engine chooses, with its precision measured and remembered."""
    steps = iter_segment(
        volume, model, device=str(device), precision=precision, bscans=[0]
    )
    *_, last = steps
    runner: Runner = last.result._ensemble.members[0].runner
    return runner


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


def onnx_session(network: nn.Module, image: torch.Tensor) -> Any:
    """The network in ONNX Runtime, with the settings its makers recommend."""
    import onnxruntime

    file = io.BytesIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (image,), file, input_names=["image"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(
        file.getvalue(), options, providers=["CPUExecutionProvider"]
    )


def as_markdown(rows: list[dict[str, Any]], device: torch.device) -> str:
    """Table for the README: ms per B-scan, median (fastest)."""
    lines = [
        "| model | input | plain fp32 | ONNX Runtime | engine | ceiling | "
        "engine ÷ plain | ÷ ONNX | of ceiling | B-scan → labels |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        median, fastest = row["median_ms"], row["min_ms"]

        def ms(key: str, median: Any = median, fastest: Any = fastest) -> str:
            if key not in median:
                return "–"
            return f"{median[key]:.1f} ({fastest[key]:.1f})"

        def ratio(a: str, b: str, median: Any = median, fastest: Any = fastest) -> str:
            if a not in median:
                return "–"
            return f"{median[a] / median[b]:.2f} ({fastest[a] / fastest[b]:.2f})"

        cells = [
            f"{row['model']} ({row['weights']} weights)",
            "×".join(str(side) for side in row["input"]),
            *(ms(key) for key in ("plain", "onnx", "engine", "ceiling")),
            *(ratio(key, "engine") for key in ("plain", "onnx", "ceiling")),
            ms("engine, B-scan to labels"),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    first = rows[0]
    lines += [
        "",
        f"ms per B-scan, median (fastest). {device}, {first['threads']} threads, "
        f"engine in {first['precision']}, torch {torch.__version__}; "
        f"load average {', '.join(f'{v:.1f}' for v in rows[-1]['load_average'])}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
