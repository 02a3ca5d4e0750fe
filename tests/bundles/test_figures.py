from napari_octseg.bundles.figures import (
    boundary_table,
    confusion_table,
    figure_tables,
    frequent_confusions,
    overlap_table,
    pixel_table,
    seen_in,
)
from napari_octseg.bundles.score import Confusion, Score, Support

OLD = Score(data="set", split="held out", n_images=1, dice={"RNFL": 0.9125})
FULL = Score(
    data="set",
    split="held out",
    n_images=9,
    n_patients=4,
    dice={"mean": 0.7, "IRF": 0.8, "SRF": 0.6},
    dice_interval={"mean": (0.5, 0.75), "IRF": (0.6, 0.9)},
    iou={"mean": 0.55, "IRF": 0.6667, "SRF": 0.4286},
    recall={"IRF": 0.7, "SRF": 0.5},
    support={
        "IRF": Support(n_images=9, n_patients=4),
        "SRF": Support(n_images=1, n_patients=1),
    },
    confusion=Confusion(
        labelled=("background", "IRF", "SRF"),
        predicted=("background", "IRF", "SRF"),
        n_pixels=((96, 4, 0), (20, 80, 0), (10, 30, 60)),
    ),
)


def test_only_columns_with_figures_are_shown() -> None:
    table = overlap_table(OLD)
    assert table.header == ("class", "Dice")
    assert table.rows == (("RNFL", "0.912"),)
    assert figure_tables(OLD) == [table]


def test_every_figure_stands_beside_what_it_rests_on() -> None:
    table = overlap_table(FULL)
    assert table.header == (
        "class",
        "Dice",
        "95 % interval",
        "IoU",
        "recall",
        "images",
        "patients",
    )
    assert table.rows[0] == ("mean", "0.700", "0.500 – 0.750", "0.550", "", "", "")
    assert table.rows[2] == (
        "SRF",
        "0.600",
        "",
        "0.429",
        "0.500",
        "1",
        "1",
    )


def test_boundaries_are_shown_in_px_and_um_where_known() -> None:
    score = OLD.model_copy(
        update={
            "boundary_mae_px": {"ILM": 1.25, "BM": 2.0},
            "boundary_bias_px": {"ILM": -0.5, "BM": 0.25},
            "boundary_mae_um": {"ILM": 4.84, "BM": 7.74},
        }
    )
    table = boundary_table(score)
    assert table.header == (
        "boundary",
        "mean absolute error, px",
        "bias, px",
        "mean absolute error, µm",
    )
    assert table.rows == (
        ("ILM", "1.25", "-0.50", "4.8"),
        ("BM", "2.00", "+0.25", "7.7"),
    )


def test_boundaries_that_were_not_found_everywhere_say_so() -> None:
    mae = {"ILM": 1.25, "BM": 2.0}
    score = OLD.model_copy(update={"boundary_mae_px": mae})
    everywhere = {"boundary_judged": dict.fromkeys(mae, 1.0)}
    assert boundary_table(score.model_copy(update=everywhere)) == boundary_table(score)
    shares = {"boundary_judged": {"ILM": 1.0, "EZ/RPE": 0.0, "BM": 0.9999}}
    table = boundary_table(score.model_copy(update=shares))
    assert table.header[-1] == "found in"
    assert set(table.rows) == {
        ("ILM", "1.25", "100 %"),
        ("BM", "2.00", "99.99 %"),
        ("EZ/RPE", "", "0 %"),
    }


def test_vessels_have_the_usual_names() -> None:
    score = OLD.model_copy(
        update={
            "dice": {"mean": 0.81, "vessel": 0.81},
            "recall": {"mean": 0.77, "vessel": 0.77},
            "roc_auc": {"vessel": 0.98125},
            "average_precision": {"vessel": 0.9},
            "accuracy": {"vessel": 0.957},
            "specificity": {"vessel": 0.984},
        }
    )
    table = pixel_table(score)
    shown = dict(zip(table.header, table.rows[0], strict=True))
    assert shown["sensitivity"] == "0.770"
    assert shown["F1"] == "0.810"
    assert shown["ROC-AUC"] in ("0.9812", "0.9813")
    assert not pixel_table(FULL).rows


def test_confusions_are_shares_of_each_label() -> None:
    assert FULL.confusion is not None
    table = confusion_table(FULL.confusion)
    assert table.rows[2] == ("SRF", "10.0", "30.0", "60.0")
    # Less than 5 % (background for IRF) is not worth a word.
    assert frequent_confusions(FULL) == (
        "Taken for something else, of the labelled pixels: SRF for IRF (30 %), "
        "IRF for background (20 %), SRF for background (10 %)."
    )
    assert frequent_confusions(OLD) == ""


def test_what_a_score_rests_on() -> None:
    assert seen_in(OLD) == "1 image"
    assert seen_in(FULL) == "9 images of 4 patients"
