"""The examples of the Python face run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import napari_octseg
from napari_octseg import (
    OCTVolume,
    iter_segment,
    list_models,
    read_volume,
    save_labels,
    segment,
    segment_enface,
)

if TYPE_CHECKING:
    from tests.conftest import MakeBundle

REPOSITORY = Path(__file__).parents[1]
SHIPPED = REPOSITORY / "models"


def test_nothing_else_is_public() -> None:
    assert sorted(napari_octseg.__all__) == [
        "OCTVolume",
        "iter_segment",
        "iter_vessel_map",
        "list_models",
        "read_volume",
        "save_labels",
        "segment",
        "segment_enface",
    ]
    for name in napari_octseg.__all__:
        assert getattr(napari_octseg, name).__doc__, f"{name} has no docstring"


def test_a_scan_is_read_segmented_and_saved(
    tiny_bundle: MakeBundle, tmp_path: Path
) -> None:
    import tifffile

    tiny_bundle("duke-unet")
    pixels = np.random.default_rng(0).integers(0, 255, (2, 40, 48), np.uint8)
    tifffile.imwrite(tmp_path / "scan.tif", pixels)

    volume = read_volume(tmp_path / "scan.tif")
    assert volume.shape == (2, 40, 48)
    assert [card.name for card in list_models()] == ["duke-unet"]
    result = segment(volume, "duke-unet", device="auto")
    assert result.labels.shape == volume.shape
    assert result.probabilities_of(1).shape == (3, 40, 48)
    assert result.boundaries is not None
    assert result.uncertainty.shape == (2, 48)
    assert result.model.name == "duke-unet"
    save_labels(result, tmp_path / "labels.tif")
    assert np.array_equal(tifffile.imread(tmp_path / "labels.tif"), result.labels)


def test_an_array_is_a_volume_and_a_task_tells_its_progress(
    tiny_bundle: MakeBundle,
) -> None:
    tiny_bundle("duke-unet")
    array = np.random.default_rng(0).integers(0, 255, (3, 40, 48), np.uint8)
    volume = OCTVolume(array, spacing_um=(60.0, 3.87, 11.5))
    assert volume.spacing_um == (60.0, 3.87, 11.5)
    steps = [(step.done, step.total) for step in iter_segment(volume, "duke-unet")]
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_an_en_face_image_is_segmented(tiny_bundle: MakeBundle) -> None:
    classes = ("background", "vessel")
    tiny_bundle("iternet-fundus", plane="enface", classes=classes, layers=())
    image = np.random.default_rng(0).integers(0, 255, (48, 40), np.uint8)
    result = segment_enface(image, "iternet-fundus")
    assert result.probabilities.shape == (2, 48, 40)
    assert result.label_set.names == classes


@pytest.mark.parametrize("name", ["octid-unet", "duke-unet"])
def test_a_shipped_model_finds_the_layers_of_a_phantom(name: str) -> None:
    if not (SHIPPED / name / "card.json").is_file():
        pytest.skip(f"this checkout has no bundle {name}")
    from napari_octseg.phantom import PhantomSettings, make_phantom

    phantom = make_phantom(PhantomSettings(shape=(1, 496, 512), seed=1))
    result = segment(phantom.volume, name, device="cpu")
    assert result.boundaries is not None
    truth = phantom.boundaries["ILM"]
    error = np.nanmean(np.abs(result.boundaries["ILM"] - truth))
    assert error < 3, "px"
    exact = segment(phantom.volume, name, device="cpu", precision="fp32")
    assert np.mean(exact.labels == result.labels) >= 0.999


def test_the_script_of_the_readme_runs_as_it_is_printed(
    tiny_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tifffile

    page = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    scripts = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert scripts, "the README shows no script"
    tiny_bundle("duke-unet")
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (2, 40, 48), np.uint8)
    # The content decides how a file is read, so any scan can have the README's name.
    with Path("scan.vol").open("wb") as file:
        tifffile.imwrite(file, pixels)

    names: dict[str, Any] = {}
    exec(compile(scripts[0], "README.md", "exec"), names)

    saved = tifffile.imread("labels.tif")
    assert saved.shape == pixels.shape
    assert np.array_equal(saved, names["result"].labels)
