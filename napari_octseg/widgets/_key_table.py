"""The keys of the Correct tab: what they do, and which ones the person chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_octseg.widgets._kept import keep_choice, kept_choice

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHOICE = "keys"


@dataclass(frozen=True)
class KeyAction:
    """Something that a key does.

    Attributes
    ----------
    id
        Its name in the settings.
    key
        Default, such as ``"A"`` or ``"Ctrl+Shift+Z"``.
    words, group
        As the key card says it, and under which heading.
    repeats
        Whether it goes on while the key is held.
    held
        Whether it ends when the key is let go.
    """

    id: str
    key: str
    words: str
    group: str
    repeats: bool = False
    held: bool = False


_STEPS = "Go through the B-scans"
_CLASSES = "Classes and brush"
_BOUNDARIES = "Boundaries"
_REGIONS = "Regions"
_ALL = "Everywhere"

ACTIONS: tuple[KeyAction, ...] = (
    KeyAction("previous", "A", "previous B-scan", _STEPS, repeats=True),
    KeyAction("next", "D", "next B-scan", _STEPS, repeats=True),
    KeyAction("accept", "Space", "accept and go to the next", _STEPS),
    KeyAction("what-next", "N", "what next: where correcting helps most", _STEPS),
    KeyAction("reviewed", "R", "mark reviewed (and locked), or open again", _STEPS),
    KeyAction("copy-previous", "C", "copy from the previous B-scan", _STEPS),
    KeyAction("interpolate", "I", "interpolate between corrected B-scans", _STEPS),
    *(KeyAction(f"class-{i}", f"{i}", f"class {i}", _CLASSES) for i in range(1, 10)),
    KeyAction("previous-class", "Q", "previous class", _CLASSES, repeats=True),
    KeyAction("next-class", "E", "next class", _CLASSES, repeats=True),
    KeyAction("larger", "W", "larger brush or magnet", _CLASSES, repeats=True),
    KeyAction("smaller", "S", "smaller brush or magnet", _CLASSES, repeats=True),
    KeyAction("knots", "K", "knots", _BOUNDARIES),
    KeyAction("pen", "J", "pen", _BOUNDARIES),
    KeyAction("livewire", "L", "live-wire", _BOUNDARIES),
    KeyAction("magnet", "M", "magnet", _BOUNDARIES),
    KeyAction("hide", "X", "cannot see", _BOUNDARIES),
    KeyAction("brush", "B", "brush", _REGIONS),
    KeyAction("erase", "T", "eraser (take away)", _REGIONS),
    KeyAction("fill", "F", "fill", _REGIONS),
    KeyAction("polygon", "P", "polygon", _REGIONS),
    KeyAction("smart-fill", "G", "smart fill (grow)", _REGIONS),
    KeyAction("delete", "Y", "delete the piece that is clicked", _REGIONS),
    KeyAction("relabel", "U", "give the clicked piece the chosen class", _REGIONS),
    KeyAction("pick", "H", "choose the class that is clicked", _REGIONS),
    KeyAction("undo", "Ctrl+Z", "undo, whatever it was", _ALL),
    KeyAction("redo", "Ctrl+Shift+Z", "redo", _ALL),
    KeyAction("peek", "V", "hold: hide labels and boundaries", _ALL, held=True),
    KeyAction("pan", "Z", "no tool: move and zoom", _ALL),
    KeyAction("cancel", "Escape", "cancel what is under way", _ALL),
    KeyAction("card", "?", "this card", _ALL),
)

_BY_ID = {action.id: action for action in ACTIONS}


def default_keys() -> dict[str, str]:
    """The keys as they are shipped, by action."""
    return {action.id: action.key for action in ACTIONS}


def keys_now() -> dict[str, str]:
    """The keys by action, as the person chose them; empty for an action without."""
    chosen = kept_choice(_CHOICE)
    keys = default_keys()
    if isinstance(chosen, dict):
        keys.update(
            (name, key)
            for name, key in chosen.items()
            if name in keys and isinstance(key, str)
        )
    return keys


def keep_keys(keys: Mapping[str, str]) -> None:
    """Keep what differs from the default.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    default = default_keys()
    keep_choice(_CHOICE, {a: key for a, key in keys.items() if key != default[a]})


def user_of(key: str, keys: Mapping[str, str], but: str) -> KeyAction | None:
    """The action other than `but` that has a key already."""
    for name, other in keys.items():
        if other == key and name != but and key:
            return _BY_ID[name]
    return None
