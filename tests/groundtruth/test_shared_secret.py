"""In a data set one person has one pseudonym, also with several computers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from napari_octseg.errors import LabelError
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.graded_scan import GradedScan
from napari_octseg.groundtruth.pseudonyms import pseudonym_of, secret_path
from tests.groundtruth.random_scans import LABEL_SET, LAYERS, plain_scan

PERSON = "17-0042"


@pytest.fixture
def data_set(tmp_path: Path) -> DataSet:
    return DataSet.create(tmp_path / "truth", "Mine", LABEL_SET, LAYERS)


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Sit down at a computer with a secret of its own."""

    def at(computer: str) -> None:
        monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / computer))

    at("one")
    return at


def scan_of(patient: str, seed: int = 0) -> GradedScan:
    return plain_scan(seed, name=f"s{seed}", patient=patient)


def test_another_secret_makes_no_pseudonyms(data_set: DataSet, use: object) -> None:
    assert callable(use)
    first = data_set.pseudonym_of(PERSON)
    data_set.add(scan_of(first))
    use("two")
    with pytest.raises(LabelError) as error:
        data_set.pseudonym_of(PERSON)
    for word in ("another secret", str(secret_path()), "OCTSEG_SECRETS", "--patient"):
        assert word in str(error.value)
    # Nor does it by another way, as when a format makes them while it reads.
    with pytest.raises(LabelError, match="another secret"):
        data_set.add(scan_of(pseudonym_of(PERSON), 1))
    assert data_set.patients() == (first,)
    # Patients of the list can be chosen, and pseudonyms made with the secret typed.
    assert data_set.pseudonym_of(first) == first
    assert data_set.add(scan_of(first, 1)).is_new
    assert data_set.add(scan_of("P-00000007", 2)).is_new
    assert data_set.add(scan_of("public-7", 3)).is_new


def test_a_copy_of_the_secret_makes_the_same_ones(
    data_set: DataSet, use: object, tmp_path: Path
) -> None:
    assert callable(use)
    data_set.add(scan_of(data_set.pseudonym_of(PERSON)))
    key = secret_path().read_text()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / secret_path().name).write_text(key)
    use("copy")
    opened = DataSet.open(data_set.folder)
    assert opened.pseudonym_of(PERSON) in opened.patients()
    assert opened.add(scan_of(opened.pseudonym_of("someone else"), 1)).is_new


def test_the_mark_does_not_tell_the_secret(
    data_set: DataSet, use: object, tmp_path: Path
) -> None:
    other = DataSet.create(tmp_path / "other", "Other", LABEL_SET, LAYERS)
    marks = []
    for one in (data_set, other):
        one.add(scan_of(one.pseudonym_of(PERSON)))
        facts = json.loads((one.folder / "dataset.json").read_text())
        marks.append(facts["secret_mark"])
        assert DataSet.open(one.folder) == one
    assert marks[0] != marks[1]
    assert {len(mark) for mark in marks} == {16}
    assert not any(mark in secret_path().read_text() for mark in marks)


def test_only_pseudonyms_made_here_set_the_mark(data_set: DataSet, use: object) -> None:
    assert callable(use)
    data_set.add(scan_of("P-00000007"))
    data_set.add(scan_of("public-7", 1))
    use("two")
    assert not secret_path().exists()
    data_set.add(scan_of(data_set.pseudonym_of(PERSON), 2))
    use("one")
    with pytest.raises(LabelError, match="another secret"):
        data_set.pseudonym_of(PERSON)


def test_a_grader_with_a_secret_of_their_own_may_add(
    data_set: DataSet, use: object
) -> None:
    assert callable(use)
    scan = scan_of(data_set.pseudonym_of(PERSON))
    data_set.add(scan)
    use("two")
    assert scan.provenance is not None
    states = ("corrected",) * 3
    again = replace(scan, provenance=replace(scan.provenance, states=states))
    assert data_set.add(again).number == 2
