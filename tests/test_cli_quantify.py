"""`napari-octseg quantify`, run as a person would."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from napari_octseg.bundles.registry import Bundle
from napari_octseg.cli import app
from napari_octseg.io.save import save_labels
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume

RUNNER = CliRunner()
CLASSES = LabelSet.of("background", "H", "IRF")


def run(*arguments: object) -> tuple[int, str]:
    result = RUNNER.invoke(app, ["quantify", *(str(a) for a in arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def labels() -> np.ndarray:
    """Two B-scans with 24 px² of tissue, and a cyst of 8 px² on the second."""
    made = np.zeros((2, 12, 16), np.uint8)
    made[:, 2:6, 2:8] = 1
    made[1, 8:10, 4:8] = 2
    return made


@pytest.fixture
def prediction(labels: np.ndarray, tmp_path: Path) -> Path:
    """Labels as this program saves them: with classes and spacing."""
    path = tmp_path / "labels.tif"
    scan = OCTVolume(np.zeros(labels.shape, np.uint8), spacing_um=(100.0, 5.0, 10.0))
    save_labels(labels, path, volume=scan, label_set=CLASSES)
    return path


def test_labels_that_name_their_classes_need_nothing_else(
    prediction: Path, tmp_path: Path
) -> None:
    out = tmp_path / "table.csv"
    code, text = run(prediction, "--out", out)
    assert code == 0, text
    assert "85.714" in text
    h, irf = rows(out)
    assert (h["class"], irf["class"]) == ("H", "IRF")
    assert float(h["area_px"]) == 48
    assert float(irf["percent"]) == pytest.approx(100 * 8 / 56)
    # 8 px of 50 µm² over 100 µm are 40 000 µm³.
    assert float(irf["volume_nl"]) == pytest.approx(0.04)


def test_published_label_pictures_count_from_one(
    labels: np.ndarray, prediction: Path, tmp_path: Path
) -> None:
    truth = tmp_path / "truth"
    truth.mkdir()
    for number, bscan in enumerate(labels):
        Image.fromarray(bscan + 1).save(truth / f"B{number + 9}.png")
    out = tmp_path / "table.csv"
    code, text = run(prediction, truth, "--first-code", 1, "--out", out)
    assert code == 0, text
    assert [float(row["percent_difference"]) for row in rows(out)] == [0, 0]
    assert [float(row["dice"]) for row in rows(out)] == [1, 1]
    code, text = run(truth, "--label-set", "background,H,IRF,SRF", "--first-code", 1)
    assert code == 0, text
    assert "14.286" in text


def test_codes_that_seem_to_count_from_one_are_said(
    labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "truth.tif"
    tifffile.imwrite(path, labels + 1, photometric="minisblack")
    code, text = run(path, "--label-set", "background,H,IRF,SRF")
    assert code == 0
    assert "give --first-code 1" in text
    code, text = run(path, "--label-set", "background,H,IRF")
    assert code == 1
    assert "code 3" in text
    assert "--first-code 1" in text


def test_labels_without_classes_ask_for_them(
    labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, labels, photometric="minisblack")
    code, text = run(path)
    assert code == 1
    assert "--label-set" in text


def test_sizes_that_differ_are_said(
    labels: np.ndarray, prediction: Path, tmp_path: Path
) -> None:
    path = tmp_path / "truth.tif"
    save_labels(labels[:, 1:], path, label_set=CLASSES)
    code, text = run(prediction, path)
    assert code == 1
    assert "2 B-scans of 12 × 16 px" in text
    assert "2 B-scans of 11 × 16 px" in text


def test_the_picture_is_a_png(prediction: Path, tmp_path: Path) -> None:
    picture = tmp_path / "profile.png"
    code, text = run(prediction, "--picture", picture)
    assert code == 0, text
    assert Image.open(picture).format == "PNG"


def test_files_that_are_there_are_only_replaced_when_asked(
    prediction: Path, tmp_path: Path
) -> None:
    out = tmp_path / "table.csv"
    out.write_text("mine")
    code, text = run(prediction, "--out", out)
    assert code == 1
    assert "--overwrite" in text
    assert out.read_text() == "mine"
    assert run(prediction, "--out", out, "--overwrite")[0] == 0
    assert len(rows(out)) == 2
    code, text = run(prediction, "--out", tmp_path / "table.xlsx")
    assert code == 1
    assert ".csv" in text


def test_a_scan_is_segmented_first(
    tiny_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    name = tiny_bundle("tiny-net").name
    scan = tmp_path / "scan.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (2, 32, 48), np.uint8)
    tifffile.imwrite(scan, pixels, photometric="minisblack")
    out = tmp_path / "table.csv"
    code, text = run(scan, "--model", name, "--device", "cpu", "--out", out)
    assert code == 0, text
    assert [row["class"] for row in rows(out)] == ["RNFL", "GCIPL"]
    assert sum(float(row["area_px"]) for row in rows(out)) > 0
    code, text = run(scan, "--label-set", name)
    assert code == 1  # grey values are no labels
    assert "code" in text
    code, text = run(scan, "--model", name, "--label-set", name)
    assert code == 1
    assert "one of them" in text
