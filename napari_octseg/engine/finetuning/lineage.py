"""Which model came from which, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.bundles.card import ModelCard, read_card
from napari_octseg.bundles.registry import list_bundles, user_models_dir
from napari_octseg.errors import CardError, ModelError, WriteError

if TYPE_CHECKING:
    from pathlib import Path

RETIRED = "_retired"
"""Folder of the user's models that were rolled back; the registry looks past it."""


def retired_dir() -> Path:
    """Where models that were rolled back wait to be restored."""
    return user_models_dir() / RETIRED


def lineage(name: str) -> tuple[ModelCard, ...]:
    """A model, its parent, the parent of that, … as far as they are here.

    Retired models are found too: they are somebody's parents still.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    cards = known_cards()
    if name not in cards:
        raise ModelError(f"No model is called {name!r}", allowed=", ".join(cards))
    found = [cards[name]]
    while (parent := found[-1].training.parent) in cards:
        card = cards[str(parent)]
        if card in found:
            break  # a card that somebody wrote by hand
        found.append(card)
    return tuple(found)


def known_cards() -> dict[str, ModelCard]:
    """Cards of all usable models by name, retired ones included."""
    cards = {}
    for path in sorted(retired_dir().glob("*/card.json")):
        try:
            cards[path.parent.name] = read_card(path)
        except CardError:
            continue  # restoring it will tell
    return cards | {b.name: b.card for b in list_bundles() if b.card is not None}


def roll_back(name: str, ancestor: str) -> tuple[str, ...]:
    """Go back to an ancestor: the models after it leave the list of models.

    They are moved aside, not removed; `restore` brings them back.

    Parameters
    ----------
    name
        The model that disappoints.
    ancestor
        One that it comes from, which is used again from now on.

    Returns
    -------
    Names of the models that were retired, the youngest first.

    Raises
    ------
    ModelError
        If the model does not come from this ancestor, or the ancestor is retired, or a
        model in between is a shipped one.
    WriteError
        If a folder cannot be moved.
    """
    names = [card.name for card in lineage(name)]
    if ancestor not in names[1:]:
        raise ModelError(
            f"{name!r} does not come from {ancestor!r}",
            allowed=", ".join(names[1:]) or "none: it has no ancestor here",
        )
    bundles = {b.name: b for b in list_bundles() if b.card is not None}
    if ancestor not in bundles:
        raise ModelError(
            f"The model {ancestor!r} is retired itself", todo="restore it first"
        )
    between = [n for n in names[: names.index(ancestor)] if n in bundles]
    shipped = [n for n in between if bundles[n].shipped]
    if shipped:
        raise ModelError(
            f"{shipped[0]!r} is shipped with the program and stays",
            allowed="models of your own",
        )
    for one in between:
        _move(bundles[one].folder, retired_dir() / one)
    return tuple(between)


def retired() -> tuple[str, ...]:
    """Names of the models that `restore` can bring back."""
    return tuple(sorted(path.parent.name for path in retired_dir().glob("*/card.json")))


def restore(name: str) -> None:
    """Bring a retired model back into the list.

    Raises
    ------
    ModelError
        If none is called so, or another model is by now.
    WriteError
        If its folder cannot be moved.
    """
    if name not in retired():
        raise ModelError(
            f"No retired model is called {name!r}",
            allowed=", ".join(retired()) or "none: no model is retired",
        )
    if name in [bundle.name for bundle in list_bundles()]:
        raise ModelError(
            f"Another model is called {name!r} by now",
            todo="rename or remove that one first",
        )
    _move(retired_dir() / name, user_models_dir() / name)


def _move(folder: Path, to: Path) -> None:
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(to)
    except OSError as error:
        raise WriteError(
            f"{folder} cannot be moved to {to}: {error.strerror or error}",
            todo="check who may write there, and close programs that use the model",
        ) from error
