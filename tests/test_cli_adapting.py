"""`napari-octseg adapt`, run as a person would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_octseg.bundles.registry import Bundle, find_bundle
from napari_octseg.cli import app
from napari_octseg.networks import build


@pytest.fixture
def model(tiny_bundle: Callable[..., Bundle]) -> str:
    """A model with batch norm, without a recipe."""
    arguments = {"in_channels": 1, "n_classes": 3, "widths": [4, 8]}
    return tiny_bundle("tiny-net", network=build("unet", arguments)).name


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"eye {i}.tif" for i in range(2)]
    for seed, path in enumerate(paths):
        pixels = np.random.default_rng(seed).integers(0, 255, (2, 32, 48), np.uint8)
        tifffile.imwrite(path, pixels, photometric="minisblack")
    return paths


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["adapt", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def test_an_adapted_model_is_among_the_users_own(model: str, scans: list[Path]) -> None:
    code, text = run(model, *scans, "--no-histogram", "--device", "cpu")
    assert code == 0
    assert "4 unlabelled B-scans of 2 scans" in text
    assert "eye 0.tif" in text
    assert "labelled otherwise" in text
    adapted = find_bundle("tiny-net-adapted").card
    assert adapted is not None
    assert adapted.training.parent == model
    # Never over another.
    code, text = run(model, *scans, "--no-histogram")
    assert code == 1
    assert "there already" in text


def test_name_and_place_can_be_chosen(
    model: str, scans: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    asked = (model, scans[0], "--no-histogram", "--name", "clinic-b", "--out", out)
    assert run(*asked)[0] == 0
    assert (out / "clinic-b" / "card.json").is_file()


def test_what_is_missing_is_said(model: str, scans: list[Path]) -> None:
    code, text = run(model, scans[0])
    assert code == 1
    assert "--no-histogram" in text, "the model has no recipe that tells its look"
    code, text = run("no-such-net", scans[0])
    assert code == 1
    assert "No model is called" in text
