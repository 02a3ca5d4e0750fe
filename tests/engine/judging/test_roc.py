import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.engine.judging.roc import count_by_threshold
from napari_octseg.errors import LabelError


def test_areas_of_a_case_counted_by_hand() -> None:
    """Five pixels; thresholds 0.9, 0.8, 0.4 (two pixels), 0.1."""
    probability = np.array([0.8, 0.4, 0.9, 0.1, 0.4], np.float32)
    is_true = np.array([False, True, True, False, False])
    counts = count_by_threshold(probability, is_true)
    assert counts.n_true.tolist() == [1, 1, 2, 2]
    assert counts.n_false.tolist() == [0, 1, 2, 3]
    # Pairs of a vessel and another pixel in the right order: 3 by 0.9; 0.4 beats 0.1,
    # ties with 0.4 and loses to 0.8.
    assert counts.roc_auc == pytest.approx((3 + 1.5) / 6)
    # Precision 1 at the first half of the recall, 2 / 4 at the second.
    assert counts.average_precision == pytest.approx(0.5 * 1 + 0.5 * 0.5)


@given(st.integers(0, 2**32 - 1))
def test_the_roc_area_is_the_share_of_pairs_in_the_right_order(seed: int) -> None:
    random = np.random.default_rng(seed)
    probability = random.integers(0, 6, 40) / 5  # many ties
    is_true = random.random(40) < 0.4
    is_true[:2] = True, False
    gap = probability[is_true][:, None] - probability[~is_true]
    right = ((gap > 0) + 0.5 * (gap == 0)).mean()
    counts = count_by_threshold(probability, is_true)
    assert counts.roc_auc == pytest.approx(right)


def test_areas_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    is_true = random.random(5000) < 0.1
    probability = (random.normal(is_true, 0.7).round(2)).astype(np.float32)
    counts = count_by_threshold(probability, is_true)
    assert counts.roc_auc == pytest.approx(metrics.roc_auc_score(is_true, probability))
    assert counts.average_precision == pytest.approx(
        metrics.average_precision_score(is_true, probability)
    )


def test_perfect_and_useless_probabilities() -> None:
    is_true = np.array([True, True, False, False])
    perfect = count_by_threshold(is_true.astype(float), is_true)
    assert (perfect.roc_auc, perfect.average_precision) == (1, 1)
    useless = count_by_threshold(np.zeros(4), is_true)
    assert (useless.roc_auc, useless.average_precision) == (0.5, 0.5)
    assert count_by_threshold(1.0 - is_true, is_true).roc_auc == 0


def test_one_kind_of_pixel_alone_has_no_area() -> None:
    assert np.isnan(count_by_threshold(np.arange(3.0), np.ones(3, bool)).roc_auc)
    nothing = count_by_threshold(np.arange(3.0), np.zeros(3, bool))
    assert np.isnan(nothing.roc_auc)
    assert np.isnan(nothing.average_precision)


@pytest.mark.parametrize(
    "probability", [np.zeros(0), np.zeros(4), np.array([0, np.nan, 1])]
)
def test_what_cannot_be_ranked_is_refused(probability: np.ndarray) -> None:
    with pytest.raises(LabelError):
        count_by_threshold(probability, np.zeros(min(3, probability.size), bool))
