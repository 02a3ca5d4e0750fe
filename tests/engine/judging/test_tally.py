"""Figures of small images that can be counted by hand."""

import numpy as np
import pytest

from napari_octseg.bundles.score import Support
from napari_octseg.engine.data.datasets import CodeTable
from napari_octseg.engine.judging.tally import Judged, Tally
from napari_octseg.labels import IGNORE

FLUID = ("background", "IRF", "SRF", "PED")
ANY_FLUID = CodeTable(
    {0: 0, 1: 1, 2: 2},
    (
        (True, False, False, False),
        (False, True, True, False),
        (False, False, False, True),
    ),
    ("background", "IRF+SRF", "PED"),
)
LAYERS = ("background", "RNFL", "GCIPL", "INL")
BANDS = CodeTable(
    {0: 0, 1: 1, 2: 2},
    (
        (True, False, False, False),
        (False, True, True, False),
        (False, False, False, True),
    ),
    ("background", "RNFL+GCIPL", "INL"),
)


def fluid(patient: str, codes: list[int], labels: list[int]) -> Judged:
    return Judged(
        patient, np.array([codes], np.uint8), np.array([labels], np.uint8), axial_um=4.0
    )


def test_figures_are_pooled_and_also_by_patient() -> None:
    tally = Tally(ANY_FLUID, FLUID)
    tally.add(fluid("a", [1, 1, 1, 1, 0], [1, 2, 1, 2, 0]))  # Dice 1
    tally.add(fluid("b", [1, 0, 0, IGNORE, 0], [0, 1, 0, 1, 0]))  # Dice 0
    tally.add(fluid("b", [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]))  # b in all: 1, 2, 3
    score = tally.score("set", "held out")
    assert (score.n_images, score.n_patients) == (3, 2)
    assert score.dice == {"mean": 0.7692, "IRF+SRF": 0.7692}  # 2 * 5 / (6 + 7)
    assert score.iou["IRF+SRF"] == 0.625
    assert score.precision["IRF+SRF"] == 0.8333
    assert score.recall["IRF+SRF"] == 0.7143
    assert score.dice_by_patient["IRF+SRF"] == 0.7  # (1 + 2 / 5) / 2
    assert score.support == {"IRF+SRF": Support(n_images=3, n_patients=2)}
    assert score.dice_interval == {}  # of two patients


def test_a_class_that_only_the_model_sees_is_a_fault_of_no_patient() -> None:
    tally = Tally(ANY_FLUID, FLUID)
    tally.add(fluid("a", [1, 1, 0], [1, 1, 3]))
    score = tally.score("set", "held out")
    assert score.dice == {"mean": 0.5, "IRF+SRF": 1, "PED": 0}
    assert score.support["PED"] == Support(n_images=0, n_patients=0)


def test_confusion_is_by_label_and_class() -> None:
    tally = Tally(ANY_FLUID, FLUID)
    tally.add(fluid("a", [1, 1, 2, 0], [1, 3, 3, 0]))
    table = tally.score("set", "held out").confusion
    assert table is not None
    assert table.labelled == ANY_FLUID.names
    assert table.predicted == FLUID
    assert table.n_pixels == ((1, 0, 0, 0), (0, 1, 0, 1), (0, 0, 0, 1))


def test_many_patients_have_an_interval_around_the_pooled_dice() -> None:
    random = np.random.default_rng(0)
    tally = Tally(ANY_FLUID, FLUID)
    for number in range(12):
        codes, noise = random.integers(0, 2, (2, 200))
        labels = np.where(random.random(200) < 0.1, noise, codes)
        tally.add(fluid(f"p{number}", codes.tolist(), labels.tolist()))
    score = tally.score("set", "held out")
    low, high = score.dice_interval["IRF+SRF"]
    assert low < score.dice["IRF+SRF"] < high
    assert score.dice_interval["mean"] == (low, high)


def striped(tops: tuple[int, int, int], depth: int = 12) -> np.ndarray:
    """Codes (depth, 5): 1 from the first row, 2 from the second, 0 at the third."""
    rows = np.arange(depth)[:, None] * np.ones(5, int)
    first, second, end = (rows >= top for top in tops)
    codes = first.astype(int) + second - 2 * end
    return codes.astype(np.uint8)


@pytest.mark.parametrize("axial_um", [4.0, None])
def test_bands_of_layers_have_the_boundaries_of_their_ends(
    axial_um: float | None,
) -> None:
    tally = Tally(BANDS, LAYERS, LAYERS[1:])
    # The model's boundaries: tops of RNFL, GCIPL, INL and the bottom of INL.
    tops = np.array([1.5, 4.0, 6.5, 9.5], np.float32)
    tally.add(
        Judged(
            "a",
            striped((2, 6, 11)),
            np.zeros((12, 5), np.uint8),
            heights=np.repeat(tops[:, None], 5, axis=1),
            axial_um=axial_um,
        )
    )
    score = tally.score("set", "held out")
    # True boundaries lie half a row above: 1.5, 5.5, 10.5.
    assert score.boundary_mae_px == {"ILM": 0, "IPL/INL": 1, "bottom of INL": 1}
    assert score.boundary_bias_px == {"ILM": 0, "IPL/INL": 1, "bottom of INL": -1}
    assert score.boundary_p95_px == score.boundary_mae_px
    if axial_um is None:
        assert score.boundary_mae_um == {}
    else:
        assert score.boundary_bias_um == {"ILM": 0, "IPL/INL": 4, "bottom of INL": -4}


def test_a_model_that_finds_no_boundary_does_not_look_perfect() -> None:
    tally = Tally(BANDS, LAYERS, LAYERS[1:])
    heights = np.repeat(np.array([[1.5], [4.0], [5.5], [10.5]], np.float32), 5, axis=1)
    heights[:3, 1:4] = np.nan
    heights[0] = np.nan
    empty = np.zeros((12, 5), np.uint8)
    tally.add(Judged("a", striped((2, 6, 11)), empty, heights=heights))
    score = tally.score("set", "held out")
    assert score.boundary_judged == {"ILM": 0, "IPL/INL": 0.4, "bottom of INL": 1}
    assert score.boundary_mae_px == {"IPL/INL": 0, "bottom of INL": 0}


VESSELS = CodeTable(
    {0: 0, 255: 1}, ((True, False), (False, True)), ("background", "vessel")
)


def test_vessels_are_ranked_within_the_field_of_view() -> None:
    tally = Tally(VESSELS, ("background", "vessel"))
    for patient, codes, chances in (
        ("a", [1, 0, IGNORE, 1], [0.9, 0.2, 0.99, 0.4]),
        ("b", [0, 0, IGNORE, 0], [0.6, 0.1, 0.0, 0.3]),
    ):
        vessel = np.array([chances], np.float32)
        tally.add(
            Judged(
                patient,
                np.array([codes], np.uint8),
                (vessel > 0.5).astype(np.uint8),
                probabilities=np.stack([1 - vessel, vessel]),
            )
        )
    score = tally.score("set", "held out")
    # Six pixels: 0.9 T, 0.6 F, 0.4 T, 0.3 F, 0.2 F, 0.1 F; 7 of 8 pairs are right.
    assert score.roc_auc == {"vessel": 0.875}
    assert score.average_precision == {"vessel": round(0.5 + 0.5 * 2 / 3, 4)}
    assert score.accuracy == {"vessel": round(4 / 6, 4)}
    assert score.specificity == {"vessel": 0.75}
    assert score.recall["vessel"] == score.precision["vessel"] == 0.5


def test_models_without_probabilities_have_no_areas() -> None:
    tally = Tally(ANY_FLUID, FLUID)
    tally.add(fluid("a", [1, 0], [1, 0]))
    score = tally.score("set", "held out")
    assert not (score.roc_auc or score.accuracy or score.specificity)
