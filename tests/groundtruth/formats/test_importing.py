"""Scans of others get names that are allowed, and nothing that tells whose they are."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.importing import (
    existing_folder,
    scan_of_others,
    shared_patient,
)
from napari_octseg.groundtruth.names import name_from
from napari_octseg.groundtruth.pseudonyms import pseudonym_of
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume

CLASSES = LabelSet.of("background", "IRF", "RNFL")
VOLUME = OCTVolume(np.zeros((2, 4, 3), np.uint8), source="/home/x/Doe_Jane.vol")


@given(st.text())
def test_any_text_becomes_a_name(text: str) -> None:
    labels = np.zeros(VOLUME.shape, np.uint8)
    scan = scan_of_others(text, VOLUME, labels, CLASSES)
    assert scan.name == scan.patient == name_from(text)


def test_a_name_that_is_allowed_stays() -> None:
    assert name_from("TRAIN001.b_2-x") == "TRAIN001.b_2-x"


def test_a_name_that_is_not_allowed_stays_apart_from_others() -> None:
    found = name_from("Eye of J")
    assert re.fullmatch(r"Eye_of_J-[0-9a-f]{8}", found)
    assert name_from(found) == found
    others = [
        "王秀英",
        "李娜",
        "Мария Кузнецова",
        "Ольга Попова",
        "Zoë",
        "Zoé",
        "Eye/of J",
    ]
    assert len({found, *map(name_from, others)}) == len(others) + 1
    # Letters that are written in two ways are one.
    assert name_from("Mu\u0308ller") == name_from("M\u00fcller") != name_from("M_ller")
    assert name_from("Ｓ－１") == "S-1"
    assert name_from(" S-1\n") == "S-1"
    assert name_from("") == "scan"


@given(*[st.text(alphabet="aAbBÿüÜu\u0308王李Ии _-./1", max_size=4)] * 2)
@example("Weiß", "weiss")
def test_two_names_are_one_only_if_they_are_written_alike(one: str, two: str) -> None:
    def alike(text: str) -> str:
        told = unicodedata.normalize("NFKC", text).strip()
        return told.casefold()

    same = name_from(one).casefold() == name_from(two).casefold()
    assert same == (alike(one) == alike(two)) or "" in (alike(one), alike(two))


@given(text=st.text().filter(lambda text: text.strip()))
@example(text="Weiß")
@example(text="{P")
def test_a_patient_is_called_the_same_by_name_and_by_file(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    labels = np.zeros(VOLUME.shape, np.uint8)
    scan = scan_of_others("a", VOLUME, labels, CLASSES, patient=text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCTSEG_SECRETS", str(tmp_path_factory.getbasetemp() / "secrets"))
        assert pseudonym_of(scan.patient) == pseudonym_of(text)
        assert pseudonym_of("MÜLLER ") == pseudonym_of(name_from("Mu\u0308ller"))


def test_the_source_is_forgotten_and_layers_are_known() -> None:
    labels = np.zeros(VOLUME.shape, np.uint8)
    scan = scan_of_others("a", VOLUME, labels, CLASSES, patient="J 1")
    assert scan.volume.source is None
    assert scan.layers == ("RNFL",)
    assert scan.patient == name_from("J 1")


def test_labels_of_another_shape_are_refused() -> None:
    with pytest.raises(ReadError, match="native size"):
        scan_of_others("a", VOLUME, np.zeros((2, 4, 4), np.uint8), CLASSES)


def test_single_bscans_are_of_one_patient_and_volumes_of_their_own() -> None:
    single = OCTVolume(np.zeros((1, 4, 3), np.uint8))
    assert shared_patient(Path("x/set"), [single, single]) == "set"
    assert shared_patient(Path("x/set"), [single, VOLUME]) == ""


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    assert existing_folder(tmp_path) == tmp_path
    with pytest.raises(ReadError, match="no folder"):
        existing_folder(tmp_path / "none")
