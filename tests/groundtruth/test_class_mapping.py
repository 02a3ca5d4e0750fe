"""Labels of others under our class names, and what must not become truth by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.boundaries import Boundaries, boundaries_to_labels, boundary_names
from napari_octseg.errors import LabelError, ReadError
from napari_octseg.groundtruth.class_mapping import (
    LEFT_OUT,
    ClassMapping,
    propose,
    read_mapping,
    write_mapping,
)
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume

DUKE = LabelSet.of(
    "background", "RNFL", "GCIPL", "INL", "OPL", "ONL", "EZ", "RPE", "fluid"
)


def scan_of(names: tuple[str, ...], rows: tuple[float, ...]) -> GradedScan:
    """One B-scan of 5 columns whose layers begin at `rows`; the last row ends."""
    heights = np.repeat(np.array(rows, np.float32)[:, None, None], 5, axis=2)
    labels = boundaries_to_labels(heights, 24)
    return GradedScan(
        "one",
        "P-1",
        OCTVolume(np.zeros(labels.shape, np.uint8)),
        labels,
        LabelSet.of("background", *names),
        names,
        Boundaries(boundary_names(names), heights),
    )


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("NFL", "RNFL"),
        ("GCL+IPL", "GCIPL"),
        ("GCL", "GCIPL"),
        ("IPL", "GCIPL"),
        ("Elipsoid Zone", "EZ"),
        ("OS", "EZ"),
        ("OPL/ONL to ELM", "ONL"),
        ("IRF", "fluid"),
        ("retinal pigment epithelium", "RPE"),
        ("choroid", LEFT_OUT),
        ("drusen", LEFT_OUT),
        ("PED", LEFT_OUT),
    ],
)
def test_a_class_is_proposed_by_name_synonym_or_what_contains_it(theirs, ours):
    proposed = propose(LabelSet.of("background", theirs), DUKE)
    assert proposed.renames == (("background", "background"), (theirs, ours))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("outer plexiform layer", "IPL"),
        ("structure 10", "structure 1"),
        ("class 1", "class 2"),
        ("OPL", "ONL"),
        ("outer retina", "inner retina"),
    ],
)
def test_classes_that_only_sound_alike_are_not_proposed(theirs, ours):
    target = LabelSet.of("background", ours)
    proposed = propose(LabelSet.of("background", theirs), target)
    assert proposed.renames[1] == (theirs, LEFT_OUT)


def test_the_narrower_class_wins_where_both_are_there():
    target = LabelSet.of("background", "OS", "EZ", "IRF", "fluid")
    proposed = dict(propose(LabelSet.of("background", "OS", "IRF"), target).renames)
    assert proposed["OS"] == "OS"
    assert proposed["IRF"] == "IRF"


def test_layers_that_become_one_lose_the_boundary_between_them_and_no_height():
    scan = scan_of(("RNFL", "GCL", "IPL", "INL"), (3.25, 6.5, 9.75, 12.0, 15.5))
    target = LabelSet.of("background", "RNFL", "GCIPL", "INL")

    mapped = propose(scan.label_set, target).apply(scan, target)

    assert mapped.layers == ("RNFL", "GCIPL", "INL")
    assert mapped.boundaries.names == boundary_names(mapped.layers)
    assert mapped.boundaries.heights[:, 0, 0].tolist() == [3.25, 6.5, 12.0, 15.5]
    assert np.array_equal(
        mapped.labels, boundaries_to_labels(mapped.boundaries.heights, 24)
    )


def test_beside_a_layer_that_is_left_out_nobody_knows_the_boundary():
    scan = scan_of(("RNFL", "GCIPL", "INL"), (3, 6, 9, 12))
    target = LabelSet.of("background", "RNFL", "INL")
    mapping = ClassMapping((("GCIPL", LEFT_OUT),))

    mapped = mapping.apply(scan, target)

    assert mapped.layers == ("RNFL", "INL")
    heights = mapped.boundaries.heights[:, 0, 0]
    assert heights[[0, 2]].tolist() == [3, 12]
    assert np.isnan(heights[1])
    assert (mapped.labels[0, 6:9] == IGNORE).all()


def test_layers_that_the_file_does_not_have_get_no_heights_of_their_own():
    scan = scan_of(("RNFL", "GCIPL", "INL"), (3, 6, 9, 12))
    target = LabelSet.of("background", "RNFL", "GCL", "IPL", "INL", "OPL")

    mapped = propose(scan.label_set, target).apply(scan, target)

    assert mapped.layers == target.names[1:]
    expected = [3, 6, np.nan, 9, 12, np.nan]
    assert np.array_equal(mapped.boundaries.heights[:, 0, 0], expected, equal_nan=True)
    # Labels and heights say the same, as everywhere in this package.
    assert np.array_equal(
        mapped.labels, boundaries_to_labels(mapped.boundaries.heights, 24)
    )


def test_the_layers_of_a_data_set_may_be_given():
    scan = scan_of(("RNFL", "GCIPL"), (3, 6, 9))
    target = LabelSet.of("background", "top", "GCIPL")
    mapped = ClassMapping((("RNFL", "top"),)).apply(scan, target, ("top", "GCIPL"))
    assert mapped.layers == ("top", "GCIPL")
    assert mapped.boundaries.heights[:, 0, 0].tolist() == [3, 6, 9]


def test_lesions_alone_say_nothing_about_the_layers():
    labels = np.zeros((1, 24, 5), np.uint8)
    labels[0, 4:6] = 1
    volume = OCTVolume(np.zeros_like(labels))
    scan = GradedScan("one", "P-1", volume, labels, LabelSet.of("background", "IRF"))

    mapped = propose(scan.label_set, DUKE).apply(scan, DUKE)

    assert mapped.boundaries is None
    assert set(np.unique(mapped.labels)) == {DUKE.index("fluid"), IGNORE}
    alone = LabelSet.of("background", "fluid")
    same = propose(scan.label_set, alone).apply(scan, alone)
    assert np.array_equal(same.labels, labels)


def test_background_is_no_truth_where_a_layer_was_not_graded():
    scan = scan_of(("GCIPL", "INL"), (6, 9, 12))
    target = LabelSet.of("background", "RNFL", "GCIPL", "INL", "OPL")

    mapped = propose(scan.label_set, target).apply(scan, target)

    column = mapped.labels[0, :, 0].tolist()
    assert column == [IGNORE] * 6 + [2] * 3 + [3] * 3 + [IGNORE] * 12


def test_background_stays_truth_where_all_layers_were_graded():
    scan = scan_of(("RNFL", "GCIPL"), (6, 9, 12))
    mapped = propose(scan.label_set, scan.label_set).apply(scan, scan.label_set)
    assert np.array_equal(mapped.labels, scan.labels)
    assert np.array_equal(mapped.boundaries.heights, scan.boundaries.heights)


def test_classes_that_only_the_mapping_names_become_layers():
    named = scan_of(("RNFL", "GCIPL"), (6, 9, 12))
    scan = GradedScan("one", "P-1", named.volume, named.labels, LabelSet.numbered(2))
    target = LabelSet.of("background", "RNFL", "GCIPL")
    mapping = ClassMapping((("class 1", "RNFL"), ("class 2", "GCIPL")))

    mapped = mapping.apply(scan, target)

    assert mapped.layers == ("RNFL", "GCIPL")
    assert mapped.boundaries.heights[:, 0, 0].tolist() == [5.5, 8.5, 11.5]


def test_layers_with_another_one_between_them_cannot_become_one():
    scan = scan_of(("RNFL", "GCIPL", "INL"), (3, 6, 9, 12))
    mapping = ClassMapping((("INL", "RNFL"),))
    with pytest.raises(LabelError, match="'GCIPL' lies above 'INL'"):
        mapping.apply(scan, scan.label_set)


def test_a_target_that_is_no_class_is_named():
    scan = scan_of(("RNFL", "GCIPL"), (3, 6, 9))
    with pytest.raises(LabelError, match="'RNFL' is mapped to 'NFLL'") as raised:
        ClassMapping((("RNFL", "NFLL"),)).apply(scan, scan.label_set)
    assert "GCIPL" in raised.value.allowed
    assert LEFT_OUT in raised.value.allowed


def test_what_nobody_graded_stays_so():
    scan = scan_of(("RNFL", "GCIPL"), (3, 6, 9))
    scan.labels[:, :, 2] = IGNORE
    mapped = propose(scan.label_set, scan.label_set).apply(scan, scan.label_set)
    assert (mapped.labels[:, :, 2] == IGNORE).all()


NAMES = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1
)


@given(st.dictionaries(NAMES, NAMES, max_size=6))
def test_a_mapping_survives_its_file(tmp_path_factory, renames):
    path = tmp_path_factory.mktemp("mapping") / "mapping.csv"
    mapping = ClassMapping(tuple(renames.items()))
    write_mapping(mapping, path)
    assert read_mapping(path) == mapping


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path: Path, separator):
    path = tmp_path / "mapping.csv"
    rows = ("class of the file", "class here"), ("NFL", "RNFL"), ("", "")
    text = "\r\n".join(separator.join(row) for row in rows)
    path.write_text(text, encoding="utf-8-sig")
    assert read_mapping(path).renames == (("NFL", "RNFL"),)


@pytest.mark.parametrize("text", ["", "a,b\nRNFL\n", "a,b\nRNFL,\n", "a,b\nx,y,z\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text):
    path = tmp_path / "mapping.csv"
    path.write_text(text)
    with pytest.raises(ReadError, match=r"mapping\.csv"):
        read_mapping(path)


def test_a_class_mapped_twice_is_refused():
    with pytest.raises(LabelError, match="'A' is mapped twice"):
        ClassMapping((("A", "RNFL"), ("A", "INL")))


def test_background_is_no_truth_where_a_finding_was_not_looked_for():
    scan = scan_of(("RNFL", "GCIPL"), (6, 9, 12))
    target = LabelSet.of("background", "RNFL", "GCIPL", "IRF", "SRF")
    mapping = propose(scan.label_set, target)
    assert mapping.untold(scan.label_set, target, scan.layers) == ("IRF", "SRF")

    for none_of in ((), ("IRF",)):
        labels = mapping.apply(scan, target, none_of=none_of).labels
        assert (labels[scan.labels == 0] == IGNORE).all()
        assert np.array_equal(labels[scan.labels > 0], scan.labels[scan.labels > 0])
    said = mapping.apply(scan, target, none_of=("IRF", "SRF"))
    assert np.array_equal(said.labels, scan.labels)
    with pytest.raises(LabelError):
        mapping.apply(scan, target, none_of=("drusen",))
