import numpy as np
import pytest

from napari_octseg.engine.judging.bootstrap import patient_interval
from napari_octseg.engine.judging.confusion import dice_of


def counts_of(dice: list[float]) -> np.ndarray:
    """(n_patients, 1, 3): 1000 pixels on each side, of which these shares agree."""
    return np.array([[[round(1000 * d), 1000, 1000]] for d in dice])


def test_equal_patients_leave_nothing_to_vary() -> None:
    interval = patient_interval(counts_of([0.8] * 5), dice_of)
    np.testing.assert_allclose(interval, [[0.8, 0.8]])


def test_the_interval_is_that_of_the_binomial() -> None:
    """Of 10 patients half are perfect, half lost: the mean of 10 throws of a coin."""
    interval = patient_interval(counts_of([1, 0] * 5), dice_of, n_resamples=20000)
    # P(X <= 1) = 0.011, P(X <= 2) = 0.055 for X of B(10, 0.5): the ends are 2 and 8.
    np.testing.assert_allclose(interval, [[0.2, 0.8]])


def test_the_same_seed_gives_the_same_interval() -> None:
    counts = counts_of(np.random.default_rng(1).random(9).tolist())
    first = patient_interval(counts, dice_of, seed=3)
    np.testing.assert_array_equal(first, patient_interval(counts, dice_of, seed=3))
    assert first is not None
    low, high = first[0]
    assert low < counts[:, 0, 0].mean() / 1000 < high


def test_a_class_of_one_patient_may_vanish() -> None:
    """Resamples without that patient do not count; those with it always give 0.6."""
    counts = np.zeros((6, 2, 3), int)
    counts[:, 0] = 1
    counts[0, 1] = 6, 10, 10
    interval = patient_interval(counts, dice_of)
    np.testing.assert_allclose(interval, [[1, 1], [0.6, 0.6]])


@pytest.mark.filterwarnings("error")
def test_a_class_that_never_occurs_has_no_interval() -> None:
    interval = patient_interval(np.zeros((4, 1, 3), int), dice_of)
    assert np.isnan(interval).all()


def test_too_few_patients_have_no_interval() -> None:
    assert patient_interval(counts_of([0.5, 0.9]), dice_of) is None
    assert patient_interval(counts_of([0.5, 0.9, 0.7]), dice_of) is not None
