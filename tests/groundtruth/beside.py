"""Another writer who decides on a split while sides are drawn."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

from napari_octseg.groundtruth import split

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from napari_octseg.groundtruth.data_set import DataSet


def decide_beside(
    data_set: DataSet, monkeypatch: pytest.MonkeyPatch, sides: dict[str, str]
) -> Callable[[], None]:
    """Decide when sides are drawn next; call what is returned to wait for it."""
    other = Thread(target=data_set.set_split, args=(sides,))
    draw = split.proposed_split

    def drawn(*args: Any) -> dict[str, str]:
        found = draw(*args)
        if other.ident is None:
            other.start()
            # Time enough for somebody whom nothing stops.
            other.join(0.3)
        return found

    for where in ("split", "split_file"):
        monkeypatch.setattr(f"napari_octseg.groundtruth.{where}.proposed_split", drawn)
    return other.join
