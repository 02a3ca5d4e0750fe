"""The short form of a card says what each figure rests on."""

from napari_octseg.bundles.score import Score
from napari_octseg.widgets._model_card import summary


def test_the_short_card_shows_the_mean_and_what_it_rests_on(tiny_bundle) -> None:  # type: ignore[no-untyped-def]
    card = tiny_bundle("net").card
    score = Score(
        data="A < B",
        split="held out",
        n_images=1,
        n_patients=1,
        dice={"mean": 0.5, "RNFL": 0.9, "GCIPL": 0.1},
        roc_auc={"RNFL": 0.98},
    )
    text = summary(card.model_copy(update={"metrics": (score,)}))
    assert "mean Dice 0.50, ROC-AUC 0.980 on A &lt; B" in text
    assert "1 image of 1 patient" in text
    assert text.index("How well") < text.index("Knows nothing")
    assert "How well" not in summary(card)
