from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from napari_octseg.engine.finetuning.settings import FineTuneSettings
from napari_octseg.errors import RecipeError


def test_settings_survive_json(tmp_path: Path) -> None:
    settings = FineTuneSettings(
        "octid-unet",
        tmp_path / "ds",
        tmp_path / "run",
        preset="quick",
        scope="decoder",
        minutes=2.5,
        replay=tmp_path,
        unlabelled=(tmp_path / "a.vol", tmp_path / "b.tif"),
        seed=3,
    )
    text = json.dumps(settings.to_json())
    assert FineTuneSettings.from_json(json.loads(text)) == settings


def test_relative_paths_mean_the_same_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = FineTuneSettings("m", Path("ds"), Path("run"), unlabelled=(Path("a"),))
    values = settings.to_json()
    assert values["data_set"] == str(tmp_path / "ds")
    assert values["unlabelled"] == [str(tmp_path / "a")]
    assert values["model"] == "m", "a name"
    folder = FineTuneSettings("mine/m", Path("ds"), Path("run"))
    assert folder.to_json()["model"] == str(tmp_path / "mine" / "m")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"preset": "slow"}, "The preset 'slow'"),
        ({"scope": "head"}, "The scope 'head'"),
        ({"n_steps": 0}, "n_steps is 0"),
        ({"minutes": -1.0}, "minutes is -1"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_cannot_be_meant_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        FineTuneSettings("m", Path("ds"), Path("run"), **values)


@pytest.mark.parametrize("values", [{}, {"model": "m", "colour": "red"}])
def test_json_of_something_else_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        FineTuneSettings.from_json(values)
