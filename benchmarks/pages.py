"""Write the pages that are made from the cards of the shipped models.

    python -m benchmarks.pages

These are `docs/models.md` and the `README.md` of each bundle. Tests compare them with
the cards: run this after a card has changed.
"""

from __future__ import annotations

from pathlib import Path

from napari_octseg.bundles.card import read_card
from napari_octseg.bundles.models_page import models_page
from napari_octseg.bundles.readme import card_text

REPOSITORY = Path(__file__).resolve().parents[1]


def pages() -> dict[Path, str]:
    """Path and text of each page."""
    found = sorted((REPOSITORY / "models").glob("*/card.json"))
    cards = {path.parent: read_card(path) for path in found}
    pictures = {p.stem for p in (REPOSITORY / "docs/images/models").glob("*.png")}
    texts = {folder / "README.md": card_text(card) for folder, card in cards.items()}
    return {
        REPOSITORY / "docs/models.md": models_page(list(cards.values()), pictures),
        **texts,
    }


def main() -> None:
    """Write those that have changed."""
    for path, text in pages().items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
