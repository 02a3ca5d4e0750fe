from napari_octseg.bundles.agreement import differences, of_card
from napari_octseg.bundles.score import Score

CARD = Score(
    data="set",
    split="held out",
    n_images=4,
    dice={"mean": 0.85, "RNFL": 0.9, "GCIPL": 0.8},
    boundary_mae_px={"ILM": 1.0},
)


def test_equal_figures_have_no_differences() -> None:
    # What the card does not have is none.
    now = CARD.model_copy(update={"iou": {"RNFL": 0.8}, "n_patients": 4})
    assert differences(CARD, now) == []


def test_differences_are_told_from_rounding_and_the_largest_comes_first() -> None:
    now = CARD.model_copy(
        update={
            "dice": {"mean": 0.85, "RNFL": 0.902, "GCIPL": 0.7},
            "boundary_mae_px": {"ILM": 1.3},
        }
    )
    found = differences(CARD, now)
    assert [one.figure for one in found] == [
        "Dice of GCIPL",
        "mean absolute error (px) of ILM",
        "Dice of RNFL",
    ]
    assert [one.is_large for one in found] == [True, True, False]
    assert str(found[0]) == "Dice of GCIPL is 0.7, the card says 0.8"


def test_a_figure_or_an_image_that_is_gone_is_a_difference() -> None:
    now = CARD.model_copy(update={"dice": {"mean": 0.85, "RNFL": 0.9}, "n_images": 3})
    found = differences(CARD, now)
    assert {one.figure for one in found} == {"number of images", "Dice of GCIPL"}
    assert all(one.is_large for one in found)


def test_scores_are_matched_by_data_and_split() -> None:
    crossed = CARD.model_copy(update={"split": "leave one scan out"})
    assert of_card((crossed, CARD), CARD) is CARD
    assert of_card((crossed,), CARD) is None
