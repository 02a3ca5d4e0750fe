from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path


def test_two_processes_train_together(
    tiny_recipe: Path, data: Path, tmp_path: Path
) -> None:
    """Both draw their own samples, have the same weights, and one writes."""
    script = tmp_path / "train.py"
    script.write_text(TWO_PROCESSES)
    done = subprocess.run(
        [sys.executable, str(script), str(tiny_recipe), str(data), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)]
    assert told[0]["losses"] != told[1]["losses"]
    assert told[0]["weights"] == told[1]["weights"]
    assert told[0]["dice"] == told[1]["dice"]
    with (tmp_path / "run/log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["2", "4"]
    # Interrupted after two updates and gone on with: the same, also the samples.
    assert told[0]["again"] == told[0]["losses"][2:]
    assert told[1]["again"] == told[1]["losses"][2:]


TWO_PROCESSES = """
import json, os, sys, shutil
from pathlib import Path
import torch
from napari_octseg.engine import training
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.engine.training import TrainSettings, iter_train

recipe, data, folder = (Path(a) for a in sys.argv[1:])
plan = read_recipe(recipe).model_copy(update={"n_steps": 4, "validate_every": 2})
states = []
make = training.RunState
training.RunState = lambda *a: states.append(make(*a)) or states[-1]
settings = lambda run: TrainSettings(data, folder / run, device="cpu", n_devices=2)
steps = list(iter_train(plan, settings("run")))
stopped = iter_train(plan, settings("parts"))
next(stopped), next(stopped)
stopped.close()
torch.distributed.barrier()
again = [s.values["loss"] for s in iter_train(plan, settings("parts"))]
told = {
    "losses": [s.values["loss"] for s in steps],
    "weights": [float(p.detach().sum()) for p in states[0].average.parameters()],
    "dice": steps[-1].values["dice"],
    "again": again,
}
(folder / f"rank{os.environ.get('LOCAL_RANK', 0)}.json").write_text(json.dumps(told))
"""
