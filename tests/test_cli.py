"""The command line, run as a person would, on a tiny model and tiny scans."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_octseg.bundles.registry import Bundle
from napari_octseg.cli import app

RUNNER = CliRunner()


@pytest.fixture
def model(tiny_bundle: Callable[[str], Bundle]) -> str:
    """Name of a usable model of three classes; beside it lies a broken one."""
    bundle = tiny_bundle("tiny-net")
    (bundle.folder.parent / "broken-net").mkdir()
    return bundle.name


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A small volume of three B-scans."""
    path = tmp_path / "scans" / "eye 1.tif"
    path.parent.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (3, 32, 48), np.uint8)
    tifffile.imwrite(path, pixels, photometric="minisblack")
    return path


def run(*arguments: object) -> tuple[int, str]:
    result = RUNNER.invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_help_names_every_command() -> None:
    code, text = run("--help")
    assert code == 0
    for command in "view segment models phantom train evaluate demo".split():
        assert command in text
        assert run(command, "--help")[0] == 0


def test_segment_writes_labels_and_areas(
    model: str, scan: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, _ = run("segment", scan, "--model", model, "--out", out, "--areas")
    assert code == 0
    labels = tifffile.imread(out / "eye 1_tiny-net.tif")
    assert labels.shape == (3, 32, 48)
    assert labels.dtype == np.uint8
    table = (out / "eye 1_tiny-net_areas.csv").read_text().splitlines()
    assert len(table) == 1 + 3 * 2  # a header, then B-scans times classes
    assert [p.name for p in out.iterdir() if p.name.startswith(".")] == []


def test_a_bad_scan_does_not_cost_the_others(
    model: str, scan: Path, tmp_path: Path
) -> None:
    (scan.parent / "broken.tif").write_bytes(b"II*\0 but no more")
    out = tmp_path / "out"
    code, text = run("segment", scan.parent, "--each", "--model", model, "--out", out)
    assert code == 1
    assert "broken.tif" in text
    assert (out / "eye 1_tiny-net.tif").is_file()


def test_an_unknown_model_is_answered_with_the_known_ones(
    model: str, scan: Path, tmp_path: Path
) -> None:
    code, text = run("segment", scan, "--model", "no-net", "--out", tmp_path / "out")
    assert code == 1
    assert "tiny-net" in text
    assert "Traceback" not in text


def test_models_lists_good_and_broken_ones_and_shows_a_card(model: str) -> None:
    code, text = run("models")
    assert code == 0
    assert "tiny-net" in text
    assert "broken-net" in text
    code, text = run("models", model)
    assert code == 0
    assert "Knows nothing" in text


def test_phantom_writes_a_scan_with_its_truth(tmp_path: Path) -> None:
    from napari_octseg.io import read_volume
    from napari_octseg.io.boundary_files import load_boundaries

    out = tmp_path / "made"
    options = ("--finding", "SRF", "--shape", 2, 200, 64, "--seed", 3, "--eye", "OS")
    code, _ = run("phantom", out, *options)
    assert code == 0
    volume = read_volume(out / "scan.tif")
    assert volume.shape == (2, 200, 64)
    assert volume.spacing.is_known
    assert tifffile.imread(out / "findings.tif").any()
    layers = tifffile.imread(out / "layers.tif")
    assert layers.shape == volume.shape
    assert load_boundaries(out / "boundaries.npz").names[0] == "ILM"


def test_a_wrong_finding_is_answered_with_the_allowed_ones(tmp_path: Path) -> None:
    code, text = run("phantom", tmp_path / "made", "--finding", "measles")
    assert code == 1
    assert "measles" in text
    assert "SRF" in text


def test_train_makes_a_bundle_that_evaluate_measures(
    data: Path, tmp_path: Path, tiny_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = run(
        "train",
        tiny_recipe,
        "--data",
        data,
        "--out",
        tmp_path / "mine",
        "--device",
        "cpu",
    )
    assert code == 0, text
    bundle = tmp_path / "mine" / "tiny"
    card = json.loads((bundle / "card.json").read_text())
    code, text = run("evaluate", bundle, "--data", data, "--device", "cpu")
    assert code == 0
    assert f"{card['metrics'][0]['dice']['RNFL']:.3f}" in text


def test_training_without_data_says_what_is_missing(
    tmp_path: Path, tiny_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = run("train", tiny_recipe, "--data", tmp_path / "nowhere")
    assert code == 1
    assert "nowhere" in text.replace("\n", "")
