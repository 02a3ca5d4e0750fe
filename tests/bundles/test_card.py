"""Cards: what they say, and what is wrong with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from napari_octseg.bundles.card import ModelCard, read_card, write_card
from napari_octseg.bundles.readme import card_text
from napari_octseg.errors import CardError

if TYPE_CHECKING:
    from pathlib import Path

VALUES: dict[str, Any] = {
    "name": "some-net",
    "version": "1.2",
    "title": "Some net",
    "description": "Finds layers.",
    "architecture": {"name": "unet", "arguments": {"n_classes": 3}},
    "weights": {"sha256": "a" * 64, "n_parameters": 12},
    "classes": [
        {"name": "background", "colour": "#000000"},
        {"name": "RNFL", "colour": "#e6550d"},
        {"name": "GCIPL", "colour": "#fdd049"},
    ],
    "layers": ["GCIPL", "RNFL"],
    "input": {"size": [64, 32], "tiling": {"size": [32, 32], "overlap": [8, 0]}},
    "training": {"data": [{"name": "phantom", "n_images": 40, "licence": "BSD"}]},
    "metrics": [
        {
            "data": "phantom",
            "split": "test",
            "n_images": 4,
            "dice": {"RNFL": 0.913},
            "boundary_mae_px": {"ILM": 0.71},
        }
    ],
    "limits": "Healthy eyes only.",
    "licence": "BSD-3-Clause",
}
WITHIN_RETINA = {"name": "within_retina", "arguments": {"classes": ["RNFL"]}}


def changed(**values: Any) -> dict[str, Any]:
    return {**VALUES, **values}


def test_a_card_survives_being_written_and_read(tmp_path: Path) -> None:
    card = ModelCard.model_validate(VALUES)
    write_card(card, tmp_path / "card.json")
    assert read_card(tmp_path / "card.json") == card


def test_layers_are_indices_in_their_own_order() -> None:
    assert ModelCard.model_validate(VALUES).layer_indices == (2, 1)


def test_the_label_set_is_in_index_order() -> None:
    names = ModelCard.model_validate(VALUES).label_set.names
    assert names == ("background", "RNFL", "GCIPL")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (changed(colour="red"), "colour"),
        (changed(name="Some Net"), "name"),
        (changed(weights={"sha256": "short", "n_parameters": 1}), "weights.sha256"),
        (changed(layers=["INL"]), "INL"),
        (changed(classes=VALUES["classes"][:1] * 2), "occurs twice"),
        (changed(classes=VALUES["classes"][:1], layers=[]), "at least one more"),
        (changed(classes=VALUES["classes"][1:]), "must be 'background'"),
        (changed(layers=["background", "RNFL"]), "layers: 'background'"),
        (changed(layers=["RNFL", "RNFL"]), "layers: a name occurs twice"),
        (changed(input={"sise": [64, 64]}), "input.sise"),
        (changed(input={"plane": "coronal"}), "input.plane"),
        (changed(input={"tiling": {"size": [8, 8], "overlap": [8, 0]}}), "overlap"),
        (changed(input={"projection": "outer"}), "only models of the plane 'enface'"),
        ({k: v for k, v in VALUES.items() if k != "licence"}, "licence"),
        (
            changed(input={"intensity": "column_l2"}, postprocess=[WITHIN_RETINA]),
            "'within_retina' looks at the grey values",
        ),
        (
            changed(input={"intensity": "local_contrast"}, postprocess=[WITHIN_RETINA]),
            "allowed: unit, zscore, centred",
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_and_field(
    tmp_path: Path, values: dict[str, Any], field: str
) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(values))
    with pytest.raises(CardError) as caught:
        read_card(path)
    assert str(path) in str(caught.value)
    assert field in str(caught.value)


@pytest.mark.parametrize("intensity", ["unit", "zscore", "centred"])
def test_steps_that_look_at_grey_values_go_with_intensities_that_keep_them(
    intensity: str,
) -> None:
    values = changed(input={"intensity": intensity}, postprocess=[WITHIN_RETINA])
    assert ModelCard.model_validate(values).postprocess[0].name == "within_retina"


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe\x00"])
def test_a_file_that_is_no_json_is_an_error(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "card.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CardError, match="restore the bundle folder"):
        read_card(path)


def test_the_page_for_people_tells_data_figures_limits_and_licence() -> None:
    page = card_text(ModelCard.model_validate(VALUES))
    for words in (
        "# Some net",
        "phantom: 40 images",
        "| RNFL | 0.913 |",
        "| ILM | 0.71",
    ):
        assert words in page
    assert "Healthy eyes only." in page
    assert "BSD-3-Clause" in page
