"""What models made of a scan, whether one, several averaged, or two merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.engine.comparing.merging import Merged
    from napari_octseg.engine.inference import Segmentation

    Result: TypeAlias = Segmentation | Merged
    """Both have labels, label_set, boundaries, uncertainty, model and others."""


def cards_of(result: Result) -> tuple[ModelCard, ...]:
    """Cards of all models that had a part in it."""
    return (result.model, *result.others)


def title_of(result: Result) -> str:
    """Their titles."""
    return " + ".join(card.title for card in cards_of(result))


def name_of(result: Result) -> str:
    """Their names, as one word that files can be called after."""
    return "+".join(card.name for card in cards_of(result))


def provenance(result: Result) -> tuple[dict[str, str], ...]:
    """Which models, in which version and with which weights, gave what."""
    merged = result.label_set != result.model.label_set
    roles = ["labels"] * len(cards_of(result))
    if merged:
        roles = ["layers", *["findings"] * (len(roles) - 1)]
    elif len(roles) > 1:
        roles = ["averaged"] * len(roles)
    return tuple(
        {
            "role": role,
            "model": card.name,
            "version": card.version,
            "sha256": card.weights.sha256,
        }
        for role, card in zip(roles, cards_of(result), strict=True)
    )
