"""Which classes of a model the labels of a data set may stand for."""

from __future__ import annotations

import pytest

from napari_octseg.engine.finetuning.meanings import codes_for
from napari_octseg.errors import RecipeError
from napari_octseg.labels import LabelSet

EIGHT = LabelSet.of(
    "background", "RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "RPE", "choroid"
)


def test_equal_classes_mean_themselves() -> None:
    codes, notes = codes_for(EIGHT, EIGHT)
    assert codes == {i: (name,) for i, name in enumerate(EIGHT.names)}
    assert notes == ()


def test_what_is_not_labelled_may_hide_in_the_background() -> None:
    codes, notes = codes_for(
        LabelSet.of("background", "SRF"), LabelSet.of("background", "IRF", "SRF", "PED")
    )
    assert codes == {0: ("background", "IRF", "PED"), 1: ("SRF",)}
    assert any("does not label IRF, PED" in note for note in notes)


def test_finer_classes_are_taken_for_the_one_that_contains_them() -> None:
    finer = LabelSet.of("background", "NFL", "GCL", "IPL", "INL")
    codes, notes = codes_for(finer, EIGHT)
    assert codes[1] == ("RNFL",)
    assert codes[2] == codes[3] == ("GCIPL",)
    assert codes[0] == ("background", "OPL", "ONL", "EZ", "RPE", "choroid")
    assert "GCL is taken for GCIPL." in notes


def test_a_coarser_class_stands_for_any_of_its_parts() -> None:
    coarse = LabelSet.of("background", "inner retina", "ONL")
    codes, notes = codes_for(coarse, EIGHT)
    assert codes == {
        0: ("background", "EZ", "RPE", "choroid"),
        1: ("RNFL", "GCIPL", "INL", "OPL"),
        2: ("ONL",),
    }
    assert "inner retina is taken for RNFL or GCIPL or INL or OPL." in notes


def test_a_class_that_the_model_lacks_is_ignored_and_that_is_said() -> None:
    codes, notes = codes_for(LabelSet.of("background", "RNFL", "drusen"), EIGHT)
    assert 2 not in codes
    assert "drusen is ignored: the model has no such class." in notes


def test_no_meaning_occurs_in_two() -> None:
    many = LabelSet.of("background", "GCIPL", "GCL", "inner retina", "fluid", "EZ")
    model = LabelSet.of("background", "RNFL", "GCIPL", "INL", "EZ", "OS", "SRF", "IRF")
    codes, _ = codes_for(many, model)
    meanings = set(codes.values())
    names = [name for meaning in meanings for name in meaning]
    assert len(names) == len(set(names))
    assert set(names) == set(model.names)


@pytest.mark.parametrize("names", [("background",), ("background", "vessel")])
def test_nothing_in_common_is_an_error(names: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError, match="at least one of the model's classes"):
        codes_for(LabelSet.of(*names), EIGHT)
