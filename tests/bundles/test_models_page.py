"""The committed pages are those that the cards make."""

from pathlib import Path

import pytest

from benchmarks.pages import REPOSITORY, pages
from napari_octseg.bundles.card import ModelCard
from napari_octseg.bundles.models_page import models_page
from napari_octseg.bundles.registry import Bundle
from napari_octseg.bundles.score import Score, Support

PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_a_committed_page_is_the_one_its_cards_make(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path], (
        "write the pages again: python -m benchmarks.pages"
    )


def cells(page: str, first: str) -> list[str]:
    """Cells of the first row of a table that begins with `first`."""
    rows = [line for line in page.splitlines() if line.startswith(f"| {first} |")]
    return [cell.strip() for cell in rows[0].strip("|").split("|")]


@pytest.fixture
def cards(tiny_bundle) -> list[ModelCard]:  # type: ignore[no-untyped-def]
    def scored(bundle: Bundle, **scores: Score) -> ModelCard:
        assert bundle.card is not None
        return bundle.card.model_copy(update={"metrics": tuple(scores.values())})

    duke = Score(
        data="Duke",
        split="held out",
        n_images=22,
        n_patients=4,
        dice={"mean": 0.7, "RNFL": 0.7},
        dice_interval={"mean": (0.61, 0.792)},
        boundary_mae_px={"ILM": 1.5},
        boundary_mae_um={"ILM": 5.81},
        support={"RNFL": Support(n_images=1, n_patients=1)},
    )
    drive = Score(
        data="DRIVE",
        split="held out",
        n_images=4,
        n_patients=4,
        dice={"mean": 0.82, "vessel": 0.82},
        roc_auc={"vessel": 0.98161},
    )
    vessels = {"classes": ("background", "vessel"), "layers": ()}
    return [
        scored(tiny_bundle("first"), a=duke),
        scored(tiny_bundle("second", plane="enface", **vessels), a=drive),
    ]


def test_each_data_set_is_a_row_and_each_model_a_column(
    cards: list[ModelCard],
) -> None:
    page = models_page(cards)
    assert cells(page, "data set")[3:] == ["first", "second"]
    assert cells(page, "Duke")[2:] == ["22 images of 4 patients", "0.700", ""]
    assert cells(page, "DRIVE")[3:] == ["", "0.820, AUC 0.9816"]


def test_intervals_rare_classes_and_um_are_in_the_tables(
    cards: list[ModelCard],
) -> None:
    page = models_page(cards)
    assert cells(page, "mean")[1] == "0.700 (0.61 – 0.79)"
    assert cells(page, "RNFL")[1] == "0.700, 1 image of 1 patient"
    assert cells(page, "ILM")[1] == "1.50 (5.8)"
    assert "Knows nothing." in page


def test_boundaries_that_were_not_found_everywhere_say_so(
    cards: list[ModelCard],
) -> None:
    score = cards[0].metrics[0]
    shares = {"ILM": 0.87, "RNFL/GCL": 0.0}
    card = cards[0].model_copy(
        update={"metrics": (score.model_copy(update={"boundary_judged": shares}),)}
    )
    page = models_page([card])
    assert cells(page, "ILM")[1] == "1.50 (5.8), found in 87 %"
    assert cells(page, "RNFL/GCL")[1] == "not found"
    all_found = score.model_copy(update={"boundary_judged": {"ILM": 1.0}})
    same = cards[0].model_copy(update={"metrics": (all_found,)})
    assert models_page([same]) == models_page(cards[:1])


def test_pictures_are_shown_where_there_are_any(cards: list[ModelCard]) -> None:
    page = models_page(cards, pictures={"second"})
    assert "images/models/second.png" in page
    assert "images/models/first.png" not in page
