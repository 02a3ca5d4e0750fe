"""The same person is always called the same, and nobody can tell who."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_octseg.errors import LabelError, ReadError, WriteError
from napari_octseg.groundtruth.pseudonyms import (
    grader_pseudonym,
    pseudonym_of,
    secret_path,
)

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "a" / "secrets"))
    return tmp_path / "a" / "secrets"


def test_one_person_one_pseudonym() -> None:
    found = pseudonym_of("Smith, John 1950-01-01")
    assert re.fullmatch(r"P-[0-9a-f]{8}", found)
    assert pseudonym_of("  smith, john 1950-01-01\n") == found
    assert pseudonym_of("Smith, Jane 1950-01-01") != found
    assert grader_pseudonym("anna") == grader_pseudonym("Anna")
    assert grader_pseudonym("anna")[2:] != pseudonym_of("anna")[2:]
    # Letters that are written in two ways are one.
    assert pseudonym_of("Mu\u0308ller") == pseudonym_of("M\u00fcller")


def test_a_pseudonym_stays_one() -> None:
    for given_ in ("P-3f9a21c7", pseudonym_of("Smith")):
        assert pseudonym_of(given_) == given_
    assert pseudonym_of("G-3f9a21c7") != "G-3f9a21c7"
    assert grader_pseudonym("G-3f9a21c7") == "G-3f9a21c7"
    # What only looks like one is a name like any other.
    assert pseudonym_of("P-Smith").lower() != "p-smith"


@given(st.text(min_size=1).filter(lambda key: key.strip()))
def test_any_name_will_do(key: str) -> None:
    assert re.fullmatch(r"P-[0-9a-f]{8}", pseudonym_of(key))


def test_nobody_needs_a_name() -> None:
    with pytest.raises(LabelError) as error:
        pseudonym_of(" \n")
    assert error.value.todo


def test_another_secret_gives_other_pseudonyms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pseudonym_of("Smith")
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "b"))
    assert pseudonym_of("Smith") != first
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "a" / "secrets"))
    assert pseudonym_of("Smith") == first


def test_the_secret_is_the_users_own(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pseudonym_of("Smith")
    assert secret_path().parent == secrets
    if os.name != "nt":
        assert secret_path().stat().st_mode & 0o077 == 0
    assert "Smith" not in secret_path().read_text()
    monkeypatch.delenv("OCTSEG_SECRETS")
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *a, **k: str(tmp_path))
    assert tmp_path in secret_path().parents


def test_programs_that_begin_together_have_one_secret(secrets: Path) -> None:
    script = (
        "import sys; sys.stdin.readline()\n"
        "from napari_octseg.groundtruth.pseudonyms import pseudonym_of\n"
        "sys.stdout.write(pseudonym_of('Smith'))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        for _ in range(4)
    ]
    for one in started:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    assert {one.communicate()[0] for one in started} == {pseudonym_of("Smith")}


@pytest.mark.parametrize("text", ["", "12", "Smith", "00" * 31])
def test_a_damaged_secret_is_told_and_kept(text: str) -> None:
    pseudonym_of("Smith")
    secret_path().write_text(text)
    with pytest.raises(ReadError) as error:
        pseudonym_of("Smith")
    assert str(secret_path()) in error.value.got
    assert "backup" in error.value.todo
    assert secret_path().read_text() == text


def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "file" / "secrets"))
    with pytest.raises(WriteError) as error:
        pseudonym_of("Smith")
    assert error.value.todo
