"""Put other figures into the card of a bundle; its weights stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.bundles.card import read_card, write_card
from napari_octseg.bundles.readme import card_text
from napari_octseg.bundles.score import merged
from napari_octseg.io.atomic import written_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.score import Score


def write_metrics(folder: Path, scores: Sequence[Score]) -> ModelCard:
    """Put scores into a bundle's card and page.

    Parameters
    ----------
    folder
        Of the bundle.
    scores
        They replace those of the same data set and split; the others stay.

    Returns
    -------
    The new card.

    Raises
    ------
    CardError
        If the folder has no usable card.
    WriteError
        If the folder cannot be written to.
    """
    card = read_card(folder / "card.json")
    card = card.model_copy(update={"metrics": merged(card.metrics, scores)})
    with written_whole(folder / "card.json") as target:
        write_card(card, target)
    with written_whole(folder / "README.md") as target:
        target.write_text(card_text(card), encoding="utf-8")
    return card
