"""What next, and when to stop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.editing.evidence import Evidence, terms_of
from napari_octseg.editing.queue import Weights, expected_gain, may_stop, what_next
from napari_octseg.editing.review import ReviewState
from napari_octseg.errors import EditError

N, WIDTH = 21, 6


def evidence(**known) -> Evidence:
    rng = np.random.default_rng(1)
    usual = {
        "states": np.full(N, ReviewState.PREDICTED, np.uint8),
        "uncertainty": rng.uniform(0.02, 0.04, (N, WIDTH)).astype(np.float32),
        "disagreement": rng.uniform(0.02, 0.04, N).astype(np.float32),
        "n_violations": np.zeros(N, np.int64),
        "signal": rng.uniform(8, 9, N).astype(np.float32),
    }
    return Evidence(**{**usual, **known})


def raised(name: str, bscan: int, by: float) -> Evidence:
    known = evidence()
    values = np.array(getattr(known, name))
    values[bscan] = values[bscan] + by
    return replace(known, **{name: values})


@pytest.mark.parametrize(
    ("name", "by", "reason"),
    [
        ("uncertainty", 0.3, "the model is unsure"),
        ("disagreement", 0.3, "models disagree"),
        ("n_violations", 3, "layers cross"),
        ("signal", -7, "low signal"),
    ],
)
def test_what_stands_out_comes_first_and_says_why(name, by, reason) -> None:
    first = what_next(raised(name, 13, by))[0]
    assert first.bscan == 13
    assert first.reasons[0] == reason
    assert 0 < first.gain <= 1


def test_neighbours_of_what_is_done_wait() -> None:
    states = np.full(N, ReviewState.PREDICTED, np.uint8)
    states[:6] = ReviewState.REVIEWED
    calm = Evidence(states)
    gain = expected_gain(calm)
    assert (np.diff(gain[5:]) > 0).all()
    first = what_next(calm)[0]
    assert first.bscan == N - 1
    assert first.reasons == ("far from reviewed B-scans",)


def test_a_corrected_bscan_counts_as_done() -> None:
    states = np.zeros(N, np.uint8)
    states[0] = ReviewState.CORRECTED
    assert expected_gain(Evidence(states))[0] == 0
    assert what_next(Evidence(states))[0].bscan == N - 1


def test_reviewed_and_excluded_are_never_suggested() -> None:
    states = np.full(N, ReviewState.REVIEWED, np.uint8)
    states[4], states[7], states[9] = 1, ReviewState.EXCLUDED, ReviewState.CORRECTED
    found = what_next(evidence(states=states), n=99)
    assert [one.bscan for one in found] == [4, 9]
    assert what_next(evidence(states=np.full(N, 3, np.uint8))) == []


def test_suggestions_do_not_crowd() -> None:
    unsure = np.full((N, WIDTH), 0.02, np.float32)
    unsure[4:7] = 0.3
    unsure[15] = 0.25
    found = what_next(evidence(uncertainty=unsure, disagreement=None, signal=None))
    assert {found[0].bscan, found[1].bscan} <= {4, 5, 6, 15}
    assert abs(found[0].bscan - found[1].bscan) > 5
    assert len({one.bscan for one in found}) == len(found) == 10


def test_with_nothing_known_the_middle_is_first_and_then_far_from_it() -> None:
    found = what_next(Evidence(np.zeros(N, np.uint8)), n=3)
    assert found[0].bscan == N // 2
    assert found[0].reasons == ()
    assert {found[1].bscan, found[2].bscan} == {0, N - 1}


def test_a_range_that_means_nothing_is_not_stretched() -> None:
    unsure = np.full((N, WIDTH), 0.03, np.float32)
    unsure[3] += 0.001
    terms = terms_of(Evidence(np.zeros(N, np.uint8), uncertainty=unsure))
    assert terms["uncertainty"].max() < 0.1


def test_what_a_model_has_not_seen_is_no_reason() -> None:
    unsure = np.full((N, WIDTH), 0.03, np.float32)
    unsure[0] = np.nan
    unsure[1, :3] = np.nan
    terms = terms_of(Evidence(np.zeros(N, np.uint8), uncertainty=unsure))
    assert terms["uncertainty"][0] == 0
    assert np.isfinite(expected_gain(evidence(uncertainty=unsure))).all()
    nothing = np.full((N, WIDTH), np.nan, np.float32)
    assert np.isfinite(expected_gain(evidence(uncertainty=nothing))).all()


@settings(max_examples=60, deadline=None)
@given(
    bscan=st.integers(0, N - 1),
    seed=st.integers(0, 99),
    by=st.floats(0.001, 5),
    name=st.sampled_from(["uncertainty", "disagreement", "n_violations", "signal"]),
)
def test_the_gain_of_a_bscan_never_falls_with_any_term(bscan, seed, by, name) -> None:
    rng = np.random.default_rng(seed)
    states = rng.integers(0, 5, N).astype(np.uint8)
    known = evidence(
        states=states,
        uncertainty=rng.uniform(0, 0.5, (N, WIDTH)).astype(np.float32),
        disagreement=rng.exponential(0.1, N).astype(np.float32),
        n_violations=rng.poisson(2, N),
        signal=rng.uniform(1, 9, N).astype(np.float32),
    )
    values = np.array(getattr(known, name))
    change = {"n_violations": int(np.ceil(by)), "signal": -by}.get(name, by)
    values[bscan] = values[bscan] + change
    more = replace(known, **{name: values})
    before, after = expected_gain(known), expected_gain(more)
    assert after[bscan] >= before[bscan] - 1e-6
    for gain in (before, after):
        assert (gain >= 0).all()
        assert (gain <= 1 + 1e-6).all()


@given(
    done=st.sets(st.integers(0, N - 1), max_size=6),
    new=st.integers(0, N - 1),
    half=st.floats(0.5, 20),
)
def test_more_done_never_raises_a_gain(done, new, half) -> None:
    fewer, more = np.zeros(N, np.bool_), np.zeros(N, np.bool_)
    fewer[list(done)] = True
    more[[*done, new]] = True
    known = evidence()
    before = expected_gain(known, done=fewer, half_distance=half)
    after = expected_gain(known, done=more, half_distance=half)
    assert (after <= before + 1e-6).all()


@given(st.integers(0, 99))
def test_the_gains_of_suggestions_fall(seed) -> None:
    rng = np.random.default_rng(seed)
    known = evidence(uncertainty=rng.uniform(0, 1, (N, WIDTH)).astype(np.float32))
    gains = [one.gain for one in what_next(known, n=N)]
    assert all(np.diff(gains) <= 1e-6)


def test_weights_decide() -> None:
    unsure = np.zeros((N, WIDTH), np.float32)
    unsure[3] = 1
    violations = np.zeros(N, np.int64)
    violations[8] = 9
    known = Evidence(np.zeros(N, np.uint8), uncertainty=unsure, n_violations=violations)
    only = Weights(0, 0, 1, 0, 0)
    assert what_next(known)[0].bscan == 3
    assert what_next(known, weights=only)[0].bscan == 8
    with pytest.raises(EditError, match="0 and more"):
        expected_gain(known, weights=Weights(0, 0, 0, 0, 0))
    with pytest.raises(EditError, match="0 and more"):
        what_next(known, weights=Weights(uncertainty=-1))


def test_evidence_of_another_volume_is_refused() -> None:
    with pytest.raises(EditError, match="21 B-scans"):
        evidence(signal=np.ones(3, np.float32))


def test_the_hint_to_stop() -> None:
    small = [0.2] * 10
    assert may_stop(small)
    assert may_stop([9.0, *small])
    assert not may_stop(small[:9])
    assert not may_stop([*small, 1.0])
    assert not may_stop([*small, float("nan")])
    assert may_stop([3, 0.4, 0.4], n_least=2)
    assert may_stop([3, 3], n_least=2, below_px=3.5)
    with pytest.raises(EditError, match="at least 1"):
        may_stop([], n_least=0)
