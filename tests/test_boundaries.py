import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.boundaries import (
    Boundaries,
    boundaries_to_labels,
    boundary_names,
    enforce_order,
    labels_to_boundaries,
    layers_among,
    layers_between,
)
from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE

DEPTH = 40


@st.composite
def ordered_heights(draw: st.DrawFn) -> np.ndarray:
    """Heights inside the image, ordered, some layers without thickness."""
    shape = (draw(st.integers(2, 7)), draw(st.integers(1, 3)), draw(st.integers(1, 5)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    heights = np.sort(random.uniform(-0.5, DEPTH - 1, shape), axis=0)
    if draw(st.booleans()):
        heights = np.round(heights)
    return heights.astype(np.float32)


def columns_with_tissue(labels: np.ndarray) -> np.ndarray:
    return ((labels > 0) & (labels != IGNORE)).any(axis=1)


@given(ordered_heights())
def test_heights_survive_the_way_through_labels_within_half_a_pixel(
    heights: np.ndarray,
) -> None:
    labels = boundaries_to_labels(heights, DEPTH)
    back = labels_to_boundaries(labels, range(1, len(heights)))
    seen = np.broadcast_to(columns_with_tissue(labels), heights.shape)
    assert np.abs(back - heights)[seen].max(initial=0) <= 0.5 + 1e-5
    assert np.isnan(back[~seen]).all()


@given(ordered_heights())
def test_labels_survive_the_way_through_heights_exactly(heights: np.ndarray) -> None:
    labels = boundaries_to_labels(heights, DEPTH)
    back = labels_to_boundaries(labels, range(1, len(heights)))
    again = boundaries_to_labels(back, DEPTH)
    seen = np.broadcast_to(columns_with_tissue(labels)[:, None], labels.shape)
    assert (again == labels)[seen].all()


@given(ordered_heights(), st.integers(0, 2**32 - 1))
def test_absent_boundaries_hide_only_what_hangs_on_them(
    heights: np.ndarray, seed: int
) -> None:
    full = boundaries_to_labels(heights, DEPTH)
    absent = np.random.default_rng(seed).random(heights.shape) < 0.3
    labels = boundaries_to_labels(np.where(absent, np.nan, heights), DEPTH)
    graded = labels != IGNORE
    assert (labels == full)[graded].all()
    whole = ~absent.any(axis=0)
    assert graded.transpose(0, 2, 1)[whole].all()


def test_a_pixel_lies_below_a_boundary_from_its_own_height_on() -> None:
    heights = np.array([2.0, 4.5], np.float32).reshape(2, 1, 1)
    assert boundaries_to_labels(heights, 7)[0, :, 0].tolist() == [0, 0, 1, 1, 1, 0, 0]


def test_a_column_without_boundaries_is_not_graded() -> None:
    heights = np.full((3, 1, 2), np.nan, np.float32)
    heights[:, 0, 0] = [1, 2, 3]
    labels = boundaries_to_labels(heights, 5)
    assert (labels[0, :, 1] == IGNORE).all()
    assert labels[0, :, 0].tolist() == [0, 1, 2, 0, 0]


def test_lesions_hide_the_boundary_under_them() -> None:
    labels = np.array([0, 1, 1, 9, 2, 2, 0], np.uint8).reshape(1, 7, 1)
    heights = labels_to_boundaries(labels, [1, 2])[:, 0, 0]
    assert heights[0] == 0.5
    assert np.isnan(heights[1])
    assert heights[2] == 5.5


def test_classes_may_be_numbered_otherwise() -> None:
    heights = np.array([1, 2, 4], np.float32).reshape(3, 1, 1)
    labels = boundaries_to_labels(heights, 5, classes=[7, 3])
    assert labels[0, :, 0].tolist() == [0, 7, 3, 3, 0]
    assert np.allclose(labels_to_boundaries(labels, [7, 3])[:, 0, 0], [0.5, 1.5, 3.5])


@given(st.integers(0, 2**32 - 1))
def test_order_is_enforced_downwards_and_nan_stays(seed: int) -> None:
    random = np.random.default_rng(seed)
    heights = random.uniform(0, 9, (5, 2, 6)).astype(np.float32)
    heights[random.random(heights.shape) < 0.3] = np.nan
    ordered = enforce_order(heights)
    assert (np.isnan(ordered) == np.isnan(heights)).all()
    for column in ordered.reshape(5, -1).T:
        assert (np.diff(column[~np.isnan(column)]) >= 0).all()
    assert np.array_equal(enforce_order(ordered), ordered, equal_nan=True)


def test_names_are_those_of_the_field() -> None:
    assert boundary_names(["RNFL", "GCIPL", "INL"]) == (
        "ILM",
        "RNFL/GCL",
        "IPL/INL",
        "bottom of INL",
    )
    assert boundary_names(["RPE", "choroid"])[-2:] == ("BM", "CSI")


def test_wrong_counts_are_refused() -> None:
    heights = np.zeros((3, 1, 1), np.float32)
    with pytest.raises(LabelError, match="one class fewer"):
        boundaries_to_labels(heights, 5, classes=[1])
    with pytest.raises(LabelError, match="n_boundaries"):
        Boundaries(("ILM",), heights)
    with pytest.raises(LabelError, match="ILM"):
        Boundaries(("ILM", "BM"), heights[:2])["EZ"]


def test_layers_are_told_by_the_boundaries_around_them() -> None:
    stack = ("RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "RPE", "choroid")
    assert layers_between(boundary_names(stack)) == stack
    fine = ("RNFL", "GCL", "IPL", "INL", "OPL", "ONL", "EZ", "OS", "RPE")
    assert layers_between(boundary_names(fine)) == fine
    # Also where a stack ends early, or has layers that only this file knows.
    for some in (("RNFL", "GCIPL"), ("INL",), ("inner", "outer"), ("one",)):
        assert layers_between(boundary_names(some)) == some
    for odd in (("top of one", "ILM"), ("top of one", "ILM", "BM"), ("a", "b", "c")):
        assert boundary_names(layers_between(odd)) == odd


def test_what_lies_between_distant_boundaries_is_called_by_both() -> None:
    few = ("ILM", "RNFL/GCL", "BM")
    assert layers_between(few) == ("RNFL", "RNFL/GCL to BM")
    assert boundary_names(layers_between(few)) == few


def test_layers_are_found_among_findings_under_any_of_their_names() -> None:
    names = ("background", "NFL", "GCL-IPL", "SRF", "RPE", "vessel")
    assert layers_among(names) == ("NFL", "GCL-IPL", "RPE")


def test_layers_of_a_label_set_that_counts_upwards_come_top_to_bottom() -> None:
    names = ("background", "RPE", "ONL", "IRF", "GCL+IPL", "RNFL")
    assert layers_among(names) == ("RNFL", "GCL+IPL", "ONL", "RPE")
