"""Bundles on disk: found, checked, loaded, written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from napari_octseg.bundles import registry
from napari_octseg.bundles.registry import (
    find_bundle,
    list_bundles,
    list_models,
    load_network,
    models_dir,
    user_models_dir,
    write_bundle,
)
from napari_octseg.errors import ModelError
from napari_octseg.networks import build

if TYPE_CHECKING:
    from tests.conftest import MakeBundle


def test_a_written_bundle_is_listed_and_loads_the_same_network(
    tiny_bundle: MakeBundle,
) -> None:
    torch.manual_seed(0)
    network = build("unet", {"n_classes": 3, "widths": [4, 8]})
    written = tiny_bundle("mine", network=network)
    assert [card.name for card in list_models()] == ["mine"]
    assert sorted(p.name for p in written.folder.iterdir()) == [
        "README.md",
        "card.json",
        "weights.safetensors",
    ]
    loaded = load_network(find_bundle("mine"))
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    for key, value in network.state_dict().items():
        assert torch.allclose(loaded.state_dict()[key], value, rtol=1e-3, atol=1e-6)
    assert written.card is not None
    n_parameters = sum(p.numel() for p in network.parameters())
    assert written.card.weights.n_parameters == n_parameters


def test_broken_bundles_are_listed_with_the_reason_and_break_no_others(
    tiny_bundle: MakeBundle,
) -> None:
    models = tiny_bundle("good").folder.parent
    (models / "empty").mkdir()
    renamed = tiny_bundle("original").folder.rename(models / "renamed")
    pointer = tiny_bundle("pointer").folder / "weights.safetensors"
    pointer.write_text("version https://git-lfs.github.com/spec/v1")
    (tiny_bundle("headless").folder / "weights.safetensors").unlink()
    (models / ".draft-x").mkdir()
    reasons = {b.name: b.problem for b in list_bundles()}
    assert reasons.pop("good") is None
    assert "cannot be read" in str(reasons.pop("empty"))
    assert "called 'original'" in str(reasons.pop(renamed.name))
    assert "git lfs pull" in str(reasons.pop("pointer"))
    assert "is missing" in str(reasons.pop("headless"))
    assert not reasons
    with pytest.raises(ModelError, match="repair or remove"):
        find_bundle("pointer")


def test_damaged_weights_are_found_when_they_are_loaded(
    tiny_bundle: MakeBundle,
) -> None:
    bundle = tiny_bundle()
    weights = bundle.folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="is damaged: sha256"):
        load_network(find_bundle("tiny"))


def test_weights_of_another_architecture_are_an_error(tiny_bundle: MakeBundle) -> None:
    other = build("unet", {"n_classes": 3, "widths": [4, 8, 16]})
    tiny_bundle(network=other)
    with pytest.raises(ModelError, match="does not fit the architecture"):
        load_network(find_bundle("tiny"))


def test_a_network_of_other_classes_than_its_card_is_an_error(
    tiny_bundle: MakeBundle,
) -> None:
    bundle = tiny_bundle(classes=("background", "RNFL"), layers=("RNFL",))
    assert bundle.card is not None
    entries = (*bundle.card.classes, bundle.card.classes[1])
    wrong = replace(bundle, card=bundle.card.model_copy(update={"classes": entries}))
    with pytest.raises(ModelError, match="gives 2 channels for 3 classes"):
        load_network(wrong)


def test_a_divisor_that_does_not_suit_the_network_is_an_error(
    tiny_bundle: MakeBundle,
) -> None:
    tiny_bundle(widths=(4, 8, 8), divisor=6)
    with pytest.raises(ModelError, match=r"divisor is 6.*divisible by 4"):
        load_network(find_bundle("tiny"))


def test_a_network_of_other_channels_than_its_input_is_an_error(
    tiny_bundle: MakeBundle,
) -> None:
    bundle = tiny_bundle()
    assert bundle.card is not None
    spec = bundle.card.input.model_copy(update={"n_neighbours": 1})
    wrong = replace(bundle, card=bundle.card.model_copy(update={"input": spec}))
    with pytest.raises(ModelError, match="does not take 3 channels"):
        load_network(wrong)


@pytest.mark.parametrize(
    ("argument", "value"), [("n_classes", 5), ("n_classes", 1), ("in_channels", 5)]
)
def test_a_card_that_contradicts_itself_is_listed_with_the_reason(
    tiny_bundle: MakeBundle, argument: str, value: int
) -> None:
    path = tiny_bundle().folder / "card.json"
    card = json.loads(path.read_text())
    card["architecture"]["arguments"][argument] = value
    card["input"]["n_neighbours"] = 1 if argument == "in_channels" else 0
    path.write_text(json.dumps(card))
    (listed,) = list_bundles()
    assert listed.card is None
    assert f"{argument} {value}" in str(listed.problem)


def test_a_folder_that_holds_only_a_recipe_becomes_the_bundle(
    tiny_bundle: MakeBundle,
) -> None:
    models = tiny_bundle("first").folder.parent
    for name in ("kept", "given"):
        (models / name).mkdir()
        (models / name / "recipe.json").write_text("{}")
    assert (tiny_bundle("kept").folder / "recipe.json").read_text() == "{}"
    card = find_bundle("first").card
    assert card is not None
    card = card.model_copy(update={"name": "given"})
    network = build("unet", card.architecture.arguments)
    write_bundle(models / "given", card, network, extras={"recipe.json": "[]"})
    assert (models / "given" / "recipe.json").read_text() == "[]"
    assert [bundle.problem for bundle in list_bundles()] == [None] * 3
    assert sorted(p.name for p in models.iterdir()) == ["first", "given", "kept"]


def test_the_recipe_is_put_back_when_the_bundle_cannot_take_its_place(
    tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tiny_bundle("first").folder.parent
    (models / "second").mkdir()
    (models / "second" / "recipe.json").write_text("{}")
    rename = Path.rename

    def held(path: Path, target: Path) -> Path:
        if (path / "card.json").is_file():
            raise PermissionError("held by another program")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", held)
    with pytest.raises(PermissionError):
        tiny_bundle("second")
    assert [p.name for p in (models / "second").iterdir()] == ["recipe.json"]
    assert sorted(p.name for p in models.iterdir()) == ["first", "second"]


def test_a_bundle_is_never_overwritten(tiny_bundle: MakeBundle) -> None:
    bundle = tiny_bundle()
    before = (bundle.folder / "card.json").read_bytes()
    with pytest.raises(ModelError, match="is there already"):
        write_bundle(bundle.folder, bundle.card, build("unet", {"n_classes": 2}))
    assert (bundle.folder / "card.json").read_bytes() == before


def test_nothing_is_left_behind_when_writing_fails(
    tiny_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny_bundle("first").folder.parent

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(registry, "write_card", full)
    with pytest.raises(OSError, match="No space left"):
        tiny_bundle("second")
    assert [p.name for p in folder.iterdir()] == ["first"]


def test_a_user_bundle_may_not_take_the_name_of_a_shipped_one(
    tiny_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_bundle("same")
    shipped = tmp_path / "models"
    own = tmp_path / "own"
    monkeypatch.setattr(registry, "models_dir", lambda: shipped)
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", str(own))
    card = find_bundle("same").card
    assert card is not None
    write_bundle(own / "same", card, build("unet", card.architecture.arguments))
    first, second = list_bundles()
    assert first.shipped and first.problem is None
    assert not second.shipped
    assert "another model is called 'same' already" in str(second.problem)


def test_a_missing_shipped_folder_does_not_hide_the_models_of_the_user(
    tiny_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_bundle("mine")
    monkeypatch.setattr(registry, "models_dir", models_dir)
    monkeypatch.setattr(registry, "_PACKAGE", tmp_path / "nowhere" / "package")
    with pytest.raises(ModelError, match="install napari-octseg again"):
        models_dir()
    assert [bundle.name for bundle in list_bundles()] == ["mine"]


def test_the_folder_of_the_user_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", str(tmp_path))
    assert user_models_dir() == tmp_path
    monkeypatch.delenv("NAPARI_OCTSEG_MODELS")
    assert user_models_dir().name == "models"


SHIPPED = sorted(
    path.parent for path in Path(__file__).parents[2].glob("models/*/card.json")
)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_every_shipped_bundle_is_whole(folder: Path) -> None:
    bundle = find_bundle(folder.name)
    assert bundle.shipped
    card = bundle.card
    assert card is not None
    assert json.loads((folder / "card.json").read_text())["name"] == folder.name
    network = load_network(bundle)
    n_parameters = sum(p.numel() for p in network.parameters())
    assert n_parameters == card.weights.n_parameters
    side = 2 * card.input.divisor * 8
    channels = 1 + 2 * card.input.n_neighbours
    with torch.inference_mode():
        logits = network(torch.zeros(1, channels, side, side))
    assert logits.shape in [(1, n, side, side) for n in (len(card.classes), 1)]
    assert card.metrics, "figures on held-out scans"
    assert (folder / "README.md").is_file()
