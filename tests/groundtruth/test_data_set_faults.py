"""What a data set must survive: other writers, kills, full disks, closed folders."""

from __future__ import annotations

import errno
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_octseg.errors import WriteError
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.locking import locked
from tests.groundtruth.add_loop import Writer, scan_of
from tests.groundtruth.random_scans import (
    LABEL_SET,
    LAYERS,
    assert_same,
    patient,
    plain_scan,
)

N_KILLS = 25
LONGEST_WAIT_S = 0.15
NOBODY = 65534


@pytest.fixture
def data_set(tmp_path: Path) -> DataSet:
    return DataSet.create(tmp_path / "truth", "Mine", LABEL_SET, LAYERS)


def files_of(data_set: DataSet) -> dict[Path, bytes]:
    """All files but those that programs in the midst of writing leave."""
    return {
        path: path.read_bytes()
        for path in data_set.folder.rglob("*")
        if path.is_file() and ".incoming" not in path.parts and path.name != ".lock"
    }


def test_of_several_writers_nobody_loses_anything(data_set: DataSet) -> None:
    """They add the same scans, with other labels, at the same time."""
    n_writers, steps = 3, range(12)
    writers = [Writer(data_set.folder, steps, i) for i in range(n_writers)]
    for writer in writers:
        writer.go()
    reported = [writer.reported() for writer in writers]
    assert [len(one) for one in reported] == [len(steps)] * n_writers
    places = [(name, number) for one in reported for _, name, number in one]
    assert len(set(places)) == len(steps) * n_writers
    assert {name for name, _ in places} == {f"s{i}" for i in range(4)}
    assert data_set.check() == []
    for writer, one in enumerate(reported):
        for step, name, number in one:
            assert_same(data_set.read(name, number), scan_of(step, writer))
    for entry in data_set.scans():
        assert entry.versions == tuple(range(1, 3 * n_writers + 1))
    assert not list((data_set.folder / ".incoming").iterdir())


def test_a_killed_writer_leaves_a_data_set_that_works(data_set: DataSet) -> None:
    chance = random.Random(1)
    first, n_cut = 0, 0
    for n_killed in range(10 * N_KILLS):
        if n_killed >= N_KILLS and first > 3 and n_cut:
            break
        writer = Writer(data_set.folder, range(first, first + 1000))
        writer.go()
        # A busy machine needs longer until something is written.
        longest = LONGEST_WAIT_S * (1 + n_killed / N_KILLS)
        writer.process.join(chance.uniform(0, longest))
        writer.process.kill()
        reported = writer.reported()
        assert data_set.check() == []
        for step, name, number in reported:
            assert_same(data_set.read(name, number), scan_of(step))
        first = max([first, *(step + 1 for step, _, _ in reported)])
        n_cut += bool(list((data_set.folder / ".incoming").glob("*")))
    assert first > 3, "none of them came to add anything"
    assert n_cut, "none was killed while it was writing"
    # The lock of a dead writer is nobody's.
    scan = plain_scan(99, name="after", patient=patient(99))
    assert_same(data_set.read(data_set.add(scan).name), scan)


def test_what_killed_writers_left_is_taken_away_later(data_set: DataSet) -> None:
    data_set.add(plain_scan())
    incoming = data_set.folder / ".incoming"
    for name, age_s in (("old", 2 * 86400), ("new", 60)):
        (incoming / name).mkdir()
        (incoming / name / "pixels.tif").write_bytes(b"half")
        then = time.time() - age_s
        os.utime(incoming / name, (then, then))
    data_set.add(plain_scan(label=2))
    assert [path.name for path in incoming.iterdir()] == ["new"]


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few people make links")
def test_what_another_writer_takes_away_meanwhile_stops_nobody(
    data_set: DataSet,
) -> None:
    incoming = data_set.folder / ".incoming"
    incoming.mkdir()
    # Listed, but no longer there when it is looked at.
    (incoming / "gone").symlink_to(incoming / "nothing")
    assert data_set.add(plain_scan()).is_new
    assert data_set.check() == []


def test_one_writer_waits_for_the_other(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path), pytest.raises(WriteError) as error, locked(path, 0.05):
        pytest.fail("both hold it")
    assert "somebody else" in error.value.got
    assert error.value.todo
    with locked(path, 0.05):
        pass


def test_a_writer_waits_until_the_other_one_has_moved_in(data_set: DataSet) -> None:
    writer = Writer(data_set.folder, range(1))
    with locked(data_set.folder / ".lock"):
        writer.go()
        assert not writer.pipe.poll(1.0)
        assert data_set.scans() == []
    assert writer.reported() == [(0, "s0", 1)]
    assert data_set.check() == []


@contextmanager
def full_disk(n_bytes: int) -> Iterator[None]:
    """Let the system refuse files that are longer than so many bytes.

    Within a test alone: the log that the results are written to is such a file.
    """
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("n_bytes", [10, 400, 4000])
def test_a_full_disk_changes_nothing(data_set: DataSet, n_bytes: int) -> None:
    shape = (3, 64, 64)
    scan = plain_scan(1, shape=shape)
    noise = np.random.default_rng(0).integers(0, 4, shape, np.uint8)
    data_set.add(plain_scan(0, name="first"))
    before = files_of(data_set)
    for one in (scan, replace(scan, labels=noise)):
        with full_disk(n_bytes), pytest.raises(WriteError) as error:
            data_set.add(one)
        assert error.value.todo
    assert files_of(data_set) == before
    assert not list((data_set.folder / ".incoming").iterdir())
    assert_same(data_set.read(data_set.add(scan).name), scan)


def test_a_full_disk_keeps_the_split(data_set: DataSet) -> None:
    data_set.add(plain_scan())
    data_set.set_split({patient(1): "train"})
    with full_disk(5), pytest.raises(WriteError):
        data_set.set_split({patient(1): "validation"})
    assert data_set.split() == {patient(1): "train"}


def test_a_disk_that_fails_at_the_very_end_changes_nothing(
    data_set: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_set.add(plain_scan())
    before = files_of(data_set)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("napari_octseg.groundtruth.adding.os.rename", refuse)
        for scan in (plain_scan(label=2), plain_scan(5, name="other")):
            with pytest.raises(WriteError, match="No space left"):
                data_set.add(scan)
    assert files_of(data_set) == before
    assert data_set.add(plain_scan(label=2)).number == 2


@pytest.fixture
def read_only() -> Iterator[DataSet]:
    """A data set with a scan, in which this user may not write."""
    folder = Path(tempfile.mkdtemp())
    data_set = DataSet.create(folder / "truth", "Mine", LABEL_SET, LAYERS)
    data_set.add(plain_scan())
    paths = [data_set.folder, *data_set.folder.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root:  # to whom nothing is closed
        os.seteuid(NOBODY)
    try:
        if os.access(folder, os.W_OK, effective_ids=is_root):
            pytest.skip("this system lets everybody write everywhere")
        yield data_set
    finally:
        if is_root:
            os.seteuid(0)
        for path in (folder, *paths):
            path.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_closed_to_writers_can_be_read(read_only: DataSet) -> None:
    opened = DataSet.open(read_only.folder)
    assert_same(opened.read("eye"), plain_scan())
    assert opened.check() == []
    assert not opened.add(plain_scan()).is_new
    for write in (
        lambda: opened.add(plain_scan(label=2)),
        lambda: opened.add(plain_scan(7, name="other")),
        lambda: opened.set_split({patient(1): "train"}),
        lambda: DataSet.create(read_only.folder.parent / "new", "x", LABEL_SET),
    ):
        with pytest.raises(WriteError) as error:
            write()
        assert error.value.allowed or error.value.todo
    assert opened.scans()[0].versions == (1,)


def test_others_in_the_group_may_read_what_is_added(data_set: DataSet) -> None:
    if os.name == "nt":
        pytest.skip("Windows has no such modes")
    mask = os.umask(0o022)
    try:
        data_set.add(plain_scan())
    finally:
        os.umask(mask)
    for path in (data_set.folder / "scans").rglob("*"):
        assert path.stat().st_mode & 0o044 == 0o044, path
