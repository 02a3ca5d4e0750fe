"""`ship` and `evaluate`, as a person would run them, on a tiny network."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_octseg.bundles.card import read_card
from napari_octseg.bundles.score import Score, read_scores, write_scores
from napari_octseg.cli import app
from napari_octseg.engine.progress import outcome
from napari_octseg.engine.recipe import Recipe
from napari_octseg.engine.training import TrainSettings, iter_train

RUNNER = CliRunner()


def run(*arguments: object) -> tuple[int, str]:
    """Exit status, and what was printed as one line."""
    result = RUNNER.invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def trained(
    data: Path, tiny_recipe: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder of a finished run of the tiny recipe, of two updates."""
    values = {**json.loads(tiny_recipe.read_text()), "n_steps": 2, "validate_every": 1}
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    plan = Recipe.model_validate(values)
    outcome(iter_train(plan, TrainSettings(data, folder, device="cpu")))
    return folder


@pytest.fixture
def bundle(trained: Path, data: Path, tmp_path: Path) -> Path:
    """The bundle that `ship` makes of it."""
    command = ("ship", trained, "--data", data, "--out", tmp_path, "--device", "cpu")
    code, text = run(*command)
    assert code == 0, text
    return tmp_path / "tiny"


def test_ship_makes_a_bundle_whose_figures_evaluate_finds(
    bundle: Path, data: Path
) -> None:
    card = read_card(bundle / "card.json")
    assert [score.data for score in card.metrics] == ["stripes", "tissue"]
    assert card.training.data[0].support["RNFL"].n_images == 5
    options = ("--data", data, "--device", "cpu", "--against-card")
    code, text = run("evaluate", bundle, *options)
    assert code == 0
    assert text.count("As the card says") == 2
    assert f"{card.metrics[0].dice['RNFL']:.3f}" in text
    assert "rest on 1 image of 1 patient" in text


def test_a_card_that_flatters_is_found_out(bundle: Path, data: Path) -> None:
    path = bundle / "card.json"
    values = json.loads(path.read_text())
    values["metrics"][0]["dice"]["RNFL"] = 0.999
    path.write_text(json.dumps(values))
    options = ("--data", data, "--device", "cpu")
    code, text = run("evaluate", bundle, "stripes", *options, "--against-card")
    assert code == 1
    assert "Dice of RNFL is 0." in text
    assert "the card says 0.999" in text
    # Without that option it is only said.
    code, text = run("evaluate", bundle, *options)
    assert code == 0
    assert "Not as the card says" in text
    assert "As the card says" in text  # of the other data set
    code, _ = run("evaluate", bundle, *options, "--write-card")
    assert code == 0
    assert run("evaluate", bundle, *options, "--against-card")[0] == 0


def test_figures_are_written_for_other_programs(
    bundle: Path, data: Path, tmp_path: Path
) -> None:
    as_json, as_csv = tmp_path / "scores.json", tmp_path / "scores.csv"
    files = ("--json", as_json, "--csv", as_csv)
    command = ("evaluate", bundle, "tissue", "--data", data, "--device", "cpu", *files)
    assert run(*command)[0] == 0
    (score,) = read_scores(as_json)
    on_card = read_card(bundle / "card.json").metrics[1]
    assert score.dice == on_card.dice
    rows = list(csv.DictReader(as_csv.open(encoding="utf-8")))
    (row,) = [r for r in rows if (r["figure"], r["name"]) == ("iou", "RNFL+GCIPL")]
    assert float(row["value"]) == score.iou["RNFL+GCIPL"]
    code, text = run(*command)
    assert code == 1
    assert "--overwrite" in text
    assert run(*command, "--overwrite")[0] == 0


def test_other_data_are_measured_by_a_file_that_names_them(
    bundle: Path, data: Path, tmp_path: Path
) -> None:
    mine = {
        "name": "mine",
        "folder": "stripes",
        "images": "images/*.png",
        "codes": {"0": ["background"], "7": ["RNFL"], "3": ["GCIPL"]},
    }
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"sources": [mine]}))
    options = ("--data", data, "--device", "cpu")
    code, text = run("evaluate", bundle, path, *options)
    assert code == 1
    assert "--all" in text
    code, text = run("evaluate", bundle, path, *options, "--all")
    assert code == 0
    assert "mine, all, trained on or not: 6 images of 6 patients" in text
    assert "card" not in text


def test_the_card_holds_held_out_figures_of_the_model_alone(
    bundle: Path, data: Path
) -> None:
    before = (bundle / "card.json").read_bytes()
    for other in ("--all", "--flips"):
        code, text = run("evaluate", bundle, "--data", data, "--write-card", other)
        assert code == 1
        assert other in text
    assert (bundle / "card.json").read_bytes() == before


def test_figures_of_a_cross_validation_reach_the_card(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    crossed = Score(
        data="stripes", split="leave one scan out", n_images=6, dice={"RNFL": 0.5}
    )
    write_scores([crossed], tmp_path / "crossed.json")
    command = ("ship", trained, "--data", data, "--out", tmp_path, "--device", "cpu")
    code, text = run(*command, "--scores", tmp_path / "crossed.json")
    assert code == 0, text
    card = read_card(tmp_path / "tiny/card.json")
    assert card.metrics[-1] == crossed
    assert "leave one scan out" in (tmp_path / "tiny/README.md").read_text()


def test_a_run_without_weights_is_told(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    code, text = run("ship", tmp_path / "none", "--data", data)
    assert code == 1
    assert "none" in text
    (tmp_path / "young").mkdir()
    recipe = (trained / "recipe.json").read_text()
    (tmp_path / "young/recipe.json").write_text(recipe)
    code, text = run("ship", tmp_path / "young", "--data", data)
    assert code == 1
    assert "best.pt is missing" in text
