"""Scans of others get names that are allowed, and nothing that tells whose they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.errors import ReadError
from napari_octseg.groundtruth.formats.importing import (
    existing_folder,
    name_from,
    scan_of_others,
    shared_patient,
)
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


def test_the_source_is_forgotten_and_layers_are_known() -> None:
    labels = np.zeros(VOLUME.shape, np.uint8)
    scan = scan_of_others("a", VOLUME, labels, CLASSES, patient="J 1")
    assert scan.volume.source is None
    assert scan.layers == ("RNFL",)
    assert scan.patient == "J_1"


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
