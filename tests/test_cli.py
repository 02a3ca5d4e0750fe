"""The command line, run as a person would, on a tiny model and tiny scans."""

import json
import shutil
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import torch
from torch import nn
from typer.testing import CliRunner

from napari_octseg.bundles.registry import Bundle
from napari_octseg.cli import app
from napari_octseg.io import read_volume
from napari_octseg.io.eye_writer import write_eye
from napari_octseg.io.save import save_volume
from napari_octseg.phantom import PhantomSettings, make_phantom
from napari_octseg.volume import OCTVolume

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
    commands = "view segment models phantom train cross-validate ship evaluate demo"
    for command in commands.split():
        assert command in text
        assert run(command, "--help")[0] == 0
    assert "OUT/SCAN_MODEL.FORMAT" in run("segment", "--help")[1]


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


def test_scans_whose_names_hold_dots_keep_them(
    model: str, scan: Path, tmp_path: Path
) -> None:
    for name in ("1.2.840.1.tif", "1.2.840.2.tif"):
        shutil.copy(scan, scan.parent / name)
    scan.unlink()
    out = tmp_path / "out"
    code, text = run("segment", scan.parent, "--each", "--model", model, "--out", out)
    assert code == 0, text
    assert sorted(p.name for p in out.iterdir()) == [
        "1.2.840.1_tiny-net.tif",
        "1.2.840.2_tiny-net.tif",
    ]


@pytest.fixture
def nothing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def compute(*_: object, **__: object) -> None:
        pytest.fail("a scan was computed")

    monkeypatch.setattr("napari_octseg.engine.inference.iter_segment", compute)


@pytest.mark.usefixtures("nothing_is_computed")
def test_labels_that_are_there_are_only_replaced_when_asked(
    model: str, scan: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "eye 1_tiny-net.tif").write_bytes(b"corrected by hand")
    code, text = run("segment", scan, "--model", model, "--out", out)
    assert code == 1
    assert "eye 1_tiny-net.tif" in text
    assert "--overwrite" in text
    assert (out / "eye 1_tiny-net.tif").read_bytes() == b"corrected by hand"


def test_overwrite_replaces_labels_and_areas(
    model: str, scan: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ("--model", model, "--out", out, "--areas", "--format", "nii.gz")
    assert run("segment", scan, *options)[0] == 0
    table = out / "eye 1_tiny-net_areas.csv"
    table.write_text("old")
    assert run("segment", scan, *options)[0] == 1
    assert table.read_text() == "old"
    assert run("segment", scan, *options, "--overwrite")[0] == 0
    assert table.read_text().startswith("bscan,")
    assert (out / "eye 1_tiny-net.nii.gz").is_file()


@pytest.mark.usefixtures("nothing_is_computed")
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_format_that_cannot_hold_the_labels_is_refused_first(
    model: str, scan: Path, tmp_path: Path, suffix: str
) -> None:
    options = ("--model", model, "--out", tmp_path / "out", "--format", suffix)
    code, text = run("segment", scan, *options)
    assert code == 1
    assert ".nii.gz" in text


def test_models_given_together_are_averaged(
    model: str, scan: Path, tmp_path: Path, tiny_bundle: Callable[[str], Bundle]
) -> None:
    tiny_bundle("other")
    out = tmp_path / "out"
    options = ("--model", model, "--model", "other", "--flips", "--out", out)
    code, text = run("segment", scan, *options)
    assert code == 0, text
    labels = tifffile.imread(out / "eye 1_tiny-net+other.tif")
    assert labels.shape == (3, 32, 48)


@pytest.mark.usefixtures("nothing_is_computed")
def test_models_that_cannot_be_averaged_are_refused_first(
    model: str, scan: Path, tmp_path: Path, tiny_bundle: Callable[..., Bundle]
) -> None:
    tiny_bundle("fluid", classes=("background", "IRF"), layers=())
    options = ("--model", model, "--model", "fluid", "--out", tmp_path / "out")
    code, text = run("segment", scan, *options)
    assert code == 1
    assert "classes differ" in text
    assert not (tmp_path / "out").exists()


def test_layers_of_one_model_and_findings_of_another_become_one_label_set(
    model: str, scan: Path, tmp_path: Path, tiny_bundle: Callable[..., Bundle]
) -> None:
    tiny_bundle("fluid", classes=("background", "IRF", "SRF"), layers=())
    out = tmp_path / "out"
    options = ("--layers", model, "--findings", "fluid", "--out", out, "--areas")
    code, text = run("segment", scan, *options)
    assert code == 0, text
    labels = tifffile.imread(out / "eye 1_tiny-net+fluid.tif")
    assert labels.shape == (3, 32, 48)
    assert labels.max() <= 4
    table = (out / "eye 1_tiny-net+fluid_areas.csv").read_text()
    assert all(f",{name}," in table for name in ("RNFL", "GCIPL", "IRF", "SRF"))


@pytest.mark.usefixtures("nothing_is_computed")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--layers", "tiny-net"), "go together"),
        (("--findings", "fluid"), "go together"),
        (
            ("--layers", "tiny-net", "--findings", "fluid", "--model", "fluid"),
            "--model",
        ),
        (("--layers", "fluid", "--findings", "fluid"), "has no layers"),
        (("--layers", "tiny-net", "--findings", "tiny-net"), "no findings"),
        (("--layers", "tiny-net", "--findings", "no-net"), "No model is called"),
    ],
)
def test_models_that_cannot_be_merged_are_refused_first(
    model: str,
    scan: Path,
    tmp_path: Path,
    tiny_bundle: Callable[..., Bundle],
    options: tuple[str, ...],
    reason: str,
) -> None:
    tiny_bundle("fluid", classes=("background", "IRF"), layers=())
    code, text = run("segment", scan, *options, "--out", tmp_path / "out")
    assert code == 1
    assert reason in text
    assert not (tmp_path / "out").exists()


@pytest.fixture
def vessels(model: str, tiny_bundle: Callable[..., Bundle]) -> str:
    """Name of a model of vessels."""
    classes = ("background", "vessel")
    options = {"plane": "enface", "projection": "combined", "layers": ()}
    return tiny_bundle("vessels", classes=classes, **options).name


def test_a_model_of_vessels_gives_a_map_its_projection_and_its_area(
    vessels: str, tmp_path: Path
) -> None:
    made = make_phantom(PhantomSettings(shape=(16, 64, 96), seed=2))
    scan = tmp_path / "eye.eye"
    write_eye(replace(made.volume, boundaries=made.boundaries), scan)
    out = tmp_path / "out"
    options = ("--model", vessels, "--out", out, "--areas")
    code, text = run("segment", scan, *options)
    assert code == 0, text
    names = [f"eye_vessels{rest}" for rest in (".tif", "_areas.csv", "_projection.tif")]
    assert sorted(p.name for p in out.iterdir()) == names
    labels = tifffile.imread(out / names[0])
    projection = tifffile.imread(out / names[2])
    assert labels.dtype == np.uint8
    assert projection.dtype == np.float32
    assert labels.shape == projection.shape
    assert labels.shape[1] == 96
    _, *rows = (out / names[1]).read_text().splitlines()
    assert len(rows) == 1
    assert ",vessel," in rows[0]
    (out / names[0]).unlink()
    code, text = run("segment", scan, *options)
    assert code == 1
    assert "_projection.tif is there already" in text


@pytest.fixture
def octa(model: str, tiny_bundle: Callable[..., Bundle]) -> str:
    """Name of a model of en-face pictures that maps no volumes."""
    classes = ("background", "vessel")
    return tiny_bundle("octa", classes=classes, layers=(), plane="enface").name


PHOTO = np.random.default_rng(5).integers(0, 255, (40, 56, 3), np.uint8)


class Dark(nn.Module):
    """What is darker than the mean is a vessel: a network whose answer is known."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        with torch.no_grad():
            self.conv.weight[:] = torch.tensor([20.0, -20])[:, None, None, None]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("kind", ["octa", "vessels"])
def test_one_picture_is_segmented_as_the_en_face_image_that_it_is(
    octa: str,
    vessels: str,
    tmp_path: Path,
    kind: str,
    suffix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from napari_octseg.engine import ensemble

    monkeypatch.setattr(ensemble, "loaded_network", lambda _: Dark().eval())
    photo = tmp_path / f"eye.{suffix}"
    iio.imwrite(photo, PHOTO)
    out = tmp_path / "out"
    options = ("--model", kind, "--out", out, "--areas", "--device", "cpu")
    code, text = run("segment", photo, *options)
    assert code == 0, text
    names = [f"eye_{kind}.tif", f"eye_{kind}_areas.csv"]
    assert sorted(p.name for p in out.iterdir()) == names
    dark_green = PHOTO[..., 1] < PHOTO[..., 1].mean()
    assert np.array_equal(tifffile.imread(out / names[0]), dark_green)
    _, row = (out / names[1]).read_text().splitlines()
    assert f",vessel,{dark_green.sum()}," in row


def test_a_picture_keeps_its_spacing(octa: str, tmp_path: Path) -> None:
    picture = OCTVolume(PHOTO[..., 0], spacing_um=(None, 6.0, 6.0))
    save_volume(picture, tmp_path / "slab.nii.gz")
    out = tmp_path / "out"
    options = ("--model", octa, "--out", out, "--format", "nii.gz")
    code, text = run("segment", tmp_path / "slab.nii.gz", *options)
    assert code == 0, text
    labels = read_volume(out / "slab_octa.nii.gz")
    assert labels.shape == (1, 40, 56)
    assert labels.spacing_um[1:] == (6.0, 6.0)


def test_a_bscan_of_a_device_is_no_en_face_picture(
    octa: str, vessels: str, tmp_path: Path
) -> None:
    made = make_phantom(PhantomSettings(shape=(1, 64, 48)))
    write_eye(replace(made.volume, boundaries=made.boundaries), tmp_path / "one.eye")
    for kind, reason in ((vessels, "this one has one B-scan"), (octa, "en-face")):
        options = ("--model", kind, "--out", tmp_path / "out")
        code, text = run("segment", tmp_path / "one.eye", *options)
        assert code == 1
        assert reason in text


def test_a_model_of_pictures_refuses_a_volume_in_words_of_the_command_line(
    octa: str, scan: Path, tmp_path: Path
) -> None:
    code, text = run("segment", scan, "--model", octa, "--out", tmp_path / "out")
    assert code == 1
    assert "takes en-face images, not projections" in text
    assert "one en-face picture" in text
    assert "choose another model" in text
    assert "segment_enface" not in text


def test_a_model_of_vessels_refuses_a_few_bscans(
    vessels: str, scan: Path, tmp_path: Path
) -> None:
    options = ("--model", vessels, "--out", tmp_path / "out")
    code, text = run("segment", scan, *options)
    assert code == 1
    assert "at least 16 B-scans, this one has 3" in text


def test_an_error_of_torch_costs_one_scan_not_the_batch(
    model: str, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_octseg.engine import inference

    shutil.copy(scan, scan.parent / "bad.tif")
    whole = inference.iter_segment

    def fragile(volume: Any, *rest: Any, **options: Any) -> Any:
        if Path(volume.source).name == "bad.tif":
            raise RuntimeError("cuDNN error: [status] 7\nstack")
        return (yield from whole(volume, *rest, **options))

    monkeypatch.setattr(inference, "iter_segment", fragile)
    out = tmp_path / "out"
    code, text = run("segment", scan.parent, "--each", "--model", model, "--out", out)
    assert code == 1
    assert "cuDNN error: [status] 7" in text
    assert "--device cpu" in text
    assert [p.name for p in out.iterdir()] == ["eye 1_tiny-net.tif"]


def test_a_file_in_the_place_of_the_folder_is_told(
    model: str, scan: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file")
    for command in (("segment", scan, "--model", model, "--out"), ("phantom",)):
        code, text = run(*command, tmp_path / "out")
        assert code == 1
        assert "a file is in the way" in text


def test_a_full_disk_is_told_with_a_cure(
    model: str, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_octseg.io.save.save_labels", full)
    code, text = run("segment", scan, "--model", model, "--out", tmp_path / "out")
    assert code == 1
    assert "No space left on device" in text
    assert "free space" in text


def test_square_brackets_in_names_are_shown_as_they_are(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_octseg._console.console.width", 300, raising=False)
    models = tmp_path / "models"
    (models / "[red]net").mkdir()
    code, text = run("models")
    assert code == 0
    assert "[red]net" in text
    assert str(models / "[red]net" / "card.json") in text.replace("\n", "")


def test_messages_of_a_task_are_no_markup() -> None:
    from napari_octseg._console import run_task
    from napari_octseg.engine.progress import Progress

    def task() -> Generator[Progress, None, int]:
        yield Progress(1, 1, "read [/] of [bold]scan[/bold]")
        return 7

    assert run_task(task(), "[/] odd") == 7


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


def test_a_phantom_replaces_nothing_unless_told_to(tmp_path: Path) -> None:
    (tmp_path / "layers.tif").write_text("mine")
    size = ("--shape", 2, 200, 64)
    code, text = run("phantom", tmp_path, *size)
    assert code == 1
    assert "--overwrite" in text.replace("\n", " ")
    assert (tmp_path / "layers.tif").read_text() == "mine"
    assert not (tmp_path / "scan.tif").exists()
    assert run("phantom", tmp_path, *size, "--overwrite")[0] == 0
    assert tifffile.imread(tmp_path / "layers.tif").shape == (2, 200, 64)


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


def test_a_recipe_is_trained_into_its_own_folder(
    data: Path, tmp_path: Path, tiny_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As CONTRIBUTING says: models/NAME/recipe.json becomes the bundle models/NAME."""
    monkeypatch.chdir(tmp_path)
    recipe = Path("models/tiny/recipe.json")
    recipe.parent.mkdir(parents=True)
    values = {**json.loads(tiny_recipe.read_text()), "n_steps": 2, "validate_every": 1}
    recipe.write_text(json.dumps(values))
    command = ("train", recipe, "--data", data, "--out", "models", "--device", "cpu")
    code, text = run(*command)
    assert code == 0, text
    assert sorted(p.name for p in recipe.parent.iterdir()) == [
        "README.md",
        "card.json",
        "look.json",
        "recipe.json",
        "weights.safetensors",
    ]
    assert [p.name for p in Path("models").iterdir()] == ["tiny"]


@pytest.fixture
def nothing_is_trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def train(*_: object, **__: object) -> None:
        pytest.fail("the training began")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("napari_octseg.engine.training.iter_train", train)


@pytest.mark.usefixtures("nothing_is_trained")
def test_a_bundle_in_the_way_is_told_before_the_training(
    data: Path, tmp_path: Path, tiny_recipe: Path
) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "card.json").write_text("{}")
    code, text = run("train", tiny_recipe, "--data", data, "--out", tmp_path)
    assert code == 1
    assert "there already" in text


@pytest.mark.usefixtures("nothing_is_trained")
def test_another_recipe_in_the_folder_is_not_replaced(
    data: Path, tmp_path: Path, tiny_recipe: Path
) -> None:
    other = {**json.loads(tiny_recipe.read_text()), "seed": 99}
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "recipe.json").write_text(json.dumps(other))
    code, text = run("train", tiny_recipe, "--data", data, "--out", tmp_path)
    assert code == 1
    assert "another recipe" in text


@pytest.mark.usefixtures("nothing_is_trained")
def test_a_network_that_does_not_fit_is_told_before_the_training(
    data: Path, tmp_path: Path, tiny_recipe: Path
) -> None:
    values = json.loads(tiny_recipe.read_text())
    values["architecture"]["arguments"]["n_classes"] = 5
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(values))
    code, text = run("train", recipe, "--data", data, "--out", tmp_path)
    assert code == 1
    assert "gives 5 channels for 3 classes" in text
