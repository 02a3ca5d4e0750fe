import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_octseg.bundles.registry import list_models
from napari_octseg.errors import LabelError
from napari_octseg.labels import IGNORE, LabelClass, LabelSet, canonical_name, remap
from napari_octseg.phantom import FINDING_SET, LAYER_SET

LAYERS = LabelSet.of("background", "RNFL", "GCIPL", "INL")


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("NFL", "RNFL"),
        ("GCL+IPL", "GCIPL"),
        ("ONL-ISM", "ONL"),
        ("OS-RPE", "RPE"),
        ("rnfl", "RNFL"),
        (" CNV ", "CNVM"),
        ("something new", "something new"),
    ],
)
def test_names_of_files_become_ours(name: str, ours: str) -> None:
    assert canonical_name(name) == ours


def test_a_class_is_found_by_name_and_by_synonym() -> None:
    assert LAYERS.index("RNFL") == 1
    assert LAYERS.index("NFL") == 1
    with pytest.raises(LabelError, match="GCIPL"):
        LAYERS.index("choroid")


def test_doubled_names_and_too_many_classes_are_refused() -> None:
    with pytest.raises(LabelError, match="twice"):
        LabelSet.of("background", "IRF", "IRF")
    with pytest.raises(LabelError, match="256"):
        LabelSet(tuple(LabelClass(str(i)) for i in range(256)))


def test_neighbouring_layers_differ_in_lightness() -> None:
    layers = ["RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "RPE", "choroid"]
    lightness = [np.dot(LabelClass.named(n).rgba[:3], (0.2, 0.7, 0.1)) for n in layers]
    assert np.abs(np.diff(lightness)).min() > 0.08


def test_background_is_transparent() -> None:
    assert LAYERS.colours[0][3] == 0


@pytest.mark.parametrize(
    "label_set",
    [LAYER_SET, FINDING_SET, *(card.label_set for card in list_models())],
)
def test_all_colours_of_a_label_set_differ(label_set: LabelSet) -> None:
    colours = label_set.colours
    assert len({colour[:3] for colour in colours.values()}) == len(label_set)


def test_what_has_no_counterpart_is_not_graded() -> None:
    other = LabelSet.of("background", "NFL", "fluid")
    assert LAYERS.mapping_to(other) == {0: 0, 1: 1, 2: IGNORE, 3: IGNORE}
    assert LAYERS.mapping_to(other, {"INL": "fluid"})[3] == 2


@given(
    arrays(np.uint8, (3, 4), elements=st.integers(0, 255)),
    st.dictionaries(st.integers(0, 255), st.integers(0, 255)),
)
def test_remap_follows_the_table_and_ignores_the_rest(
    labels: np.ndarray, mapping: dict[int, int]
) -> None:
    new = remap(labels, mapping)
    for old, now in zip(labels.flat, new.flat, strict=True):
        assert now == mapping.get(int(old), IGNORE)


def test_remap_refuses_labels_that_are_none() -> None:
    with pytest.raises(LabelError, match="-1"):
        remap(np.array([-1]), {0: 0})
    with pytest.raises(LabelError, match="targets"):
        remap(np.array([1]), {1: 300})


def test_classes_that_nobody_has_named_are_told_apart_by_colour() -> None:
    colours = [c.colour for c in LabelSet.numbered(5).classes[1:]]
    assert len(set(colours)) == 5
    mixed = LabelSet.of("background", "INL", "ILM to BM", "stripe")
    assert mixed.classes[1].colour == LabelSet.of("INL").classes[0].colour
    assert len({c.colour for c in mixed.classes}) == 4
