import pytest

from napari_octseg.bundles.card import read_card
from napari_octseg.bundles.readme import card_text
from napari_octseg.bundles.registry import find_bundle, load_network
from napari_octseg.bundles.rewrite import write_metrics
from napari_octseg.bundles.score import Score
from napari_octseg.errors import CardError


def score(**fields: object) -> Score:
    values = {"data": "set", "split": "held out", "n_images": 4, **fields}
    return Score.model_validate(values)


def test_new_figures_reach_card_and_page_and_nothing_else(tiny_bundle) -> None:  # type: ignore[no-untyped-def]
    folder = tiny_bundle("tiny").folder
    weights = (folder / "weights.safetensors").read_bytes()
    write_metrics(folder, [score(dice={"RNFL": 0.5}), score(data="other")])
    card = write_metrics(folder, [score(dice={"RNFL": 0.7125})])
    assert [(s.data, s.dice) for s in card.metrics] == [
        ("set", {"RNFL": 0.7125}),
        ("other", {}),
    ]
    assert read_card(folder / "card.json") == card
    assert (folder / "README.md").read_text(encoding="utf-8") == card_text(card)
    assert (folder / "weights.safetensors").read_bytes() == weights
    assert len(list(folder.iterdir())) == 3
    load_network(find_bundle("tiny"))


def test_a_folder_without_a_card_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CardError, match=r"card\.json"):
        write_metrics(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
