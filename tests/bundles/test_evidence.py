from napari_octseg.bundles.card import DataSource, ModelCard, Training
from napari_octseg.bundles.evidence import honest_limits, thin_figures, thin_training
from napari_octseg.bundles.readme import card_text
from napari_octseg.bundles.score import Score, Support

ONE = Support(n_images=1, n_patients=1)
MANY = Support(n_images=30, n_patients=12)
NONE = Support(n_images=0, n_patients=0)
SCORE = Score(
    data="scans",
    split="held out",
    n_images=9,
    n_patients=8,
    dice={"IRF": 0.8, "PED": 0.99},
    support={"IRF": MANY, "PED": ONE},
)


def card(*sources: DataSource, metrics: tuple[Score, ...] = ()) -> ModelCard:
    colour = "#ff0000"
    names = ("background", "IRF", "PED", "GA", "HF")
    return ModelCard.model_validate(
        {
            "name": "net",
            "version": "1",
            "title": "Net",
            "description": "For tests.",
            "architecture": {"name": "unet"},
            "weights": {"sha256": "0" * 64, "n_parameters": 1},
            "classes": [{"name": name, "colour": colour} for name in names],
            "input": {},
            "training": Training(data=sources),
            "metrics": metrics,
            "limits": "Not for the optic disc.",
            "licence": "none",
        }
    )


def test_a_figure_of_one_image_is_never_shown_without_saying_so() -> None:
    assert thin_figures(SCORE) == (
        "Figures of scans that rest on few: PED on 1 image of 1 patient."
    )
    page = card_text(card(metrics=(SCORE,)))
    _, _, figures = page.partition("## scans")
    assert figures.index("PED on 1 image of 1 patient") < figures.index("0.990")


def test_few_patients_in_all_are_said_once() -> None:
    score = SCORE.model_copy(update={"n_images": 11, "n_patients": 2})
    assert (
        thin_figures(score) == "The figures of scans rest on 11 images of 2 patients."
    )
    # An older card does not count patients: each image may be one of its own.
    old = Score(data="scans", split="held out", n_images=1, dice={"IRF": 0.8})
    assert thin_figures(old) == "The figures of scans rest on 1 image of 1 patient."


def test_enough_patients_need_no_words() -> None:
    assert thin_figures(SCORE.model_copy(update={"support": {"IRF": MANY}})) == ""


def test_rare_classes_of_the_training_are_counted_over_all_data() -> None:
    scans = DataSource(
        name="scans",
        n_images=30,
        support={"IRF": MANY, "PED": ONE, "IRF+PED": MANY, "GA": NONE},
    )
    more = DataSource(name="more", n_images=1, support={"PED": ONE})
    phantom = DataSource(
        name="phantom", n_images=5, synthetic=True, support={"GA": MANY, "PED": MANY}
    )
    assert thin_training(card(scans, more, phantom)) == (
        "Few training scans label it by itself: PED in 2 images of 2 patients. "
        "Learnt from synthetic scans alone: GA. "
        "No training scan labels it by itself: HF."
    )


def test_cards_without_counts_claim_nothing() -> None:
    assert thin_training(card(DataSource(name="scans", n_images=3))) == ""


def test_the_words_of_the_author_come_first() -> None:
    text = honest_limits(card(metrics=(SCORE,)))
    assert text.startswith("Not for the optic disc. Figures of scans")
