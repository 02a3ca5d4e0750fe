"""Which model came from which, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from napari_octseg.bundles.registry import find_bundle, list_bundles
from napari_octseg.engine.finetuning.lineage import (
    lineage,
    restore,
    retired,
    roll_back,
)
from napari_octseg.errors import ModelError


def names() -> list[str]:
    return [bundle.name for bundle in list_bundles() if bundle.card is not None]


def test_rolling_back_retires_what_came_after_and_can_be_undone(
    family: Callable[..., None],
) -> None:
    family("a", "b", "c", "d")
    assert [card.name for card in lineage("d")] == ["d", "c", "b", "a"]
    assert roll_back("d", "b") == ("d", "c")
    assert names() == ["a", "b"]
    assert retired() == ("c", "d")
    # Who comes from whom is still known.
    assert [card.name for card in lineage("d")] == ["d", "c", "b", "a"]
    restore("c")
    assert names() == ["a", "b", "c"]
    with pytest.raises(ModelError, match="No retired model"):
        restore("c")


def test_rolling_back_needs_an_ancestor_that_is_there(
    family: Callable[..., None],
) -> None:
    family("a", "b", "c")
    with pytest.raises(ModelError, match="does not come from"):
        roll_back("a", "c")
    with pytest.raises(ModelError, match="does not come from"):
        roll_back("c", "c")
    roll_back("c", "a")
    with pytest.raises(ModelError, match="is retired itself"):
        roll_back("c", "b")
    assert names() == ["a"]


def test_a_family_tree_that_bites_its_tail_ends(family: Callable[..., None]) -> None:
    family("a", "b", "a2")
    folder = find_bundle("a").folder
    card = json.loads((folder / "card.json").read_text())
    card["training"]["parent"] = "b"
    (folder / "card.json").write_text(json.dumps(card))
    assert [card.name for card in lineage("b")] == ["b", "a"]


def test_a_parent_that_is_gone_ends_the_lineage(family: Callable[..., None]) -> None:
    family("a", "b")
    folder = find_bundle("a").folder
    folder.rename(folder.with_name(".away"))
    assert [card.name for card in lineage("b")] == ["b"]
    with pytest.raises(ModelError, match="No model is called 'a'"):
        lineage("a")
