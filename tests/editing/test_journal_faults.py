"""What a journal must survive: kills, power cuts, full disks, other windows, damage."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_octseg.editing.journal import Journal
from napari_octseg.editing.patch import Patch
from napari_octseg.errors import JournalError
from napari_octseg.labels import LabelSet
from tests.editing.edit_loop import (
    LABEL_SET,
    LAYERS,
    SHAPE,
    PlainModel,
    Window,
    open_journal,
    replayed,
    same,
    start_arrays,
    step_of,
)

REPOSITORY = Path(__file__).resolve().parents[2]
N_KILLS = 60
LONGEST_WAIT_S = 0.08
NOBODY = 65534
CAN_FORK = hasattr(os, "fork")
# A window that edits: the module, imported as the tests import it.
LOOP = [sys.executable, "-m", "tests.editing.edit_loop"]


class Editor:
    """A process with a window in which somebody edits."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [*LOOP, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            text=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.told, self.says = self.process.stdin, self.process.stdout

    def begin(self, first: int) -> None:
        """Edit from that step on."""
        self.told.write(f"{first}\n")
        self.told.flush()
        self.window = int(self.says.readline())

    def wait_for_step(self) -> None:
        assert self.says.readline().strip().isdigit(), "the editor ended by itself"

    def kill(self) -> list[int]:
        """Kill the window; the steps that it had reported and nobody has read."""
        os.kill(self.window, getattr(signal, "SIGKILL", signal.SIGTERM))
        # Where the window is the process itself, there is an end without a word.
        reported = list(iter(self.says.readline, "ended\n" if CAN_FORK else ""))
        return [int(line) for line in reported]

    def end(self) -> None:
        self.told.close()
        self.process.wait()
        self.says.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def edited(path: Path, n_steps: int = 40) -> tuple[Journal, PlainModel]:
    """An open journal after some steps, and what the model makes of them."""
    journal = open_journal(path)
    window, model = Window(journal, start_arrays()), PlainModel()
    for number in range(n_steps):
        window.take(step_of(number))
        model = model.after(step_of(number))
    assert model.agrees_with(journal)
    return journal, model


def noise(bscan: int, seed: int) -> Patch:
    """A whole B-scan of labels that cannot be compressed."""
    values = np.random.default_rng(seed).integers(0, 255, (2, *SHAPE[1:]), np.uint8)
    return Patch("labels", bscan, (0, 0), values[0], values[1])


def check_told(error: JournalError, *words: str) -> None:
    """An error says what was got, what is allowed and what to do."""
    assert error.got and error.allowed and error.todo
    for word in words:
        assert word in error.got


@pytest.mark.skipif(not CAN_FORK, reason="sixty starts take too long")
def test_no_step_is_lost_however_often_the_process_is_killed(path: Path) -> None:
    """A step under way when the kill came may be there or not, but never in part."""
    chance = random.Random(5)
    model = PlainModel()
    n_done = 0
    editor = Editor(path)
    for turn in range(N_KILLS):
        editor.begin(n_done)
        for _ in range(turn % 4):  # at none, it may be killed while the journal opens
            editor.wait_for_step()
            model = model.after(step_of(n_done))
            n_done += 1
        time.sleep(chance.random() * LONGEST_WAIT_S)
        for number in editor.kill():
            assert number == n_done
            model = model.after(step_of(number))
            n_done += 1

        journal = open_journal(path)
        if not model.agrees_with(journal):
            model = model.after(step_of(n_done))
            n_done += 1
            assert model.agrees_with(journal), f"kill {turn} after step {n_done}"
        model.under_way = 0
        journal.close()
    editor.end()

    journal = open_journal(path)
    arrays = replayed(journal)
    while (patches := journal.undo()) is not None:
        for patch in patches:
            patch.revert(arrays)
    assert same(arrays, start_arrays())
    assert same(replayed(journal), start_arrays())
    journal.close()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.62, 0.9, 0.999])
def test_a_power_cut_that_tears_the_last_writes_leaves_whole_edits(
    path: Path, tmp_path: Path, share: float
) -> None:
    """The log is cut anywhere: what is left is what the model said at some step."""
    journal = open_journal(path)
    journal._connection.execute("PRAGMA wal_autocheckpoint = 0")
    window, models = Window(journal, start_arrays()), [PlainModel()]
    for number in range(60):
        window.take(step_of(number))
        models.append(models[-1].after(step_of(number)))
    left = tmp_path / "left.sqlite"
    shutil.copy(path, left)
    log = shutil.copy(f"{path}-wal", f"{left}-wal")
    os.truncate(log, int(share * os.path.getsize(log)))
    journal.close()

    again = open_journal(left)
    assert any(model.agrees_with(again) for model in models)
    assert share < 0.5 or len(again.edits()) > 5
    again.close()


def limit_pages(journal: Journal, path: Path) -> Callable[[], None]:
    """SQLite's own limit of the file's size: the error of a full disk."""
    connection = journal._connection
    (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {n_pages}")
    return lambda: connection.execute("PRAGMA max_page_count = 4294967294") and None


def limit_files(journal: Journal, path: Path) -> Callable[[], None]:
    """The system's limit of the size of any file: the writing itself fails."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = os.path.getsize(f"{path}-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 3000, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("fill_up", [limit_pages, limit_files])
def test_a_full_disk_loses_nothing_and_the_same_edit_works_later(
    path: Path, fill_up: Callable[[Journal, Path], Callable[[], None]]
) -> None:
    journal, model = edited(path)
    patches = [noise(bscan, seed) for seed in range(20) for bscan in range(3)]
    make_room = fill_up(journal, path)
    try:
        for _ in range(2):
            with pytest.raises(JournalError) as told:
                journal.write("brush", "Ada", patches)
            check_told(told.value, "full")
        with pytest.raises(JournalError, match="full"):
            journal.keep("long", "x" * 100_000)
        assert journal.kept("long") is None
        assert model.agrees_with(journal)
    finally:
        make_room()

    journal.write("brush", "Ada", patches)
    expected = replayed(journal)
    assert np.array_equal(expected["labels"][2], noise(2, 19).after)
    journal.close()
    again = open_journal(path)
    assert same(replayed(again), expected)
    again.undo()
    assert same(replayed(again), model.copies[model.now])
    again.close()


def test_a_full_disk_at_the_beginning_leaves_the_place_usable(path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))
    try:
        with pytest.raises(JournalError) as told:
            open_journal(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    check_told(told.value, "full")
    journal, _ = edited(path)
    journal.close()


def test_a_second_window_is_refused_and_disturbs_nothing(path: Path) -> None:
    journal, model = edited(path)
    with pytest.raises(JournalError) as told:
        open_journal(path)
    check_told(told.value, "open in another window")
    journal.write("brush", "Ada", [noise(0, 1)])
    journal.undo()
    journal.close()
    again = open_journal(path)
    assert same(replayed(again), model.copies[model.now])
    again.close()


def test_a_window_of_another_process_holds_its_journal_until_it_dies(
    path: Path,
) -> None:
    editor = Editor(path)
    editor.begin(0)
    editor.wait_for_step()
    with pytest.raises(JournalError, match="open in another window"):
        open_journal(path)
    n_reported = 1 + len(editor.kill())
    editor.end()
    model = PlainModel()
    for number in range(n_reported):
        model = model.after(step_of(number))
    journal = open_journal(path)
    later = model.after(step_of(n_reported))
    assert model.agrees_with(journal) or later.agrees_with(journal)
    journal.close()


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "journals").write_text("mine")
    with pytest.raises(JournalError) as told:
        open_journal(tmp_path / "journals" / "scan" / "journal.sqlite")
    check_told(told.value, "cannot be written")
    assert (tmp_path / "journals").read_text() == "mine"


def test_a_folder_where_the_file_should_be(path: Path) -> None:
    path.mkdir()
    with pytest.raises(JournalError) as told:
        open_journal(path)
    check_told(told.value, "cannot be written")


@pytest.fixture
def closed_to_writers() -> Iterator[Path]:
    """A folder with a journal in which this user may not write."""
    folder = Path(tempfile.mkdtemp())
    edited(folder / "journal.sqlite")[0].close()
    (folder / "journal.sqlite").chmod(0o444)
    folder.chmod(0o555)
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root:  # to whom nothing is closed
        os.seteuid(NOBODY)
    try:
        if os.access(folder, os.W_OK, effective_ids=is_root):
            pytest.skip("this system lets everybody write everywhere")
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["journal.sqlite", "new.sqlite", "a/new.sqlite"])
def test_a_read_only_folder(closed_to_writers: Path, name: str) -> None:
    with pytest.raises(JournalError) as told:
        open_journal(closed_to_writers / name)
    check_told(told.value, "cannot be written")
    names = [one.name for one in closed_to_writers.iterdir()]
    assert names == ["journal.sqlite"]


def foreign_text(path: Path) -> None:
    path.write_text("Dear diary, " * 500)


def foreign_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE edits (id INTEGER PRIMARY KEY)")
    connection.commit()
    connection.close()


def newer_format(path: Path) -> None:
    open_journal(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def another_scan(path: Path) -> None:
    open_journal(path, scan="another scan").close()


def another_label_set(path: Path) -> None:
    classes = LabelSet.of("background", *LAYERS, "SRF")
    Journal.open(
        path, scan="a scan", label_set=classes, layers=LAYERS, shape=SHAPE
    ).close()


def other_layers(path: Path) -> None:
    Journal.open(
        path, scan="a scan", label_set=LABEL_SET, layers=LAYERS[:1], shape=SHAPE
    ).close()


def half_a_page_short(path: Path) -> None:
    edited(path)[0].close()
    os.truncate(path, os.path.getsize(path) - 2048)


def half_the_pages(path: Path) -> None:
    edited(path)[0].close()
    os.truncate(path, os.path.getsize(path) // 8192 * 4096)


def first_bytes(path: Path) -> None:
    edited(path)[0].close()
    os.truncate(path, 60)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (foreign_text, "no journal"),
        (foreign_database, "no journal"),
        (newer_format, "newer"),
        (another_scan, "another scan"),
        (another_label_set, "label set background, RNFL, INL, SRF"),
        (other_layers, "layers RNFL"),
        (half_a_page_short, "damaged"),
        (half_the_pages, "damaged"),
        (first_bytes, "no journal"),
    ],
)
def test_a_file_that_cannot_go_on_is_left_as_it_is(
    path: Path, make: Callable[[Path], None], words: str
) -> None:
    make(path)
    before = path.read_bytes()
    with pytest.raises(JournalError) as told:
        open_journal(path)
    check_told(told.value, words, str(path))
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_an_edit_that_is_damaged_in_the_file_is_noticed(path: Path) -> None:
    journal, _ = edited(path)
    journal.write("brush", "Ada", [noise(0, 1)])
    journal._connection.execute(
        "UPDATE patches SET after = substr(after, 1, 20), before = zeroblob(9) "
        "WHERE id = (SELECT max(id) FROM patches)"
    )
    with pytest.raises(JournalError, match="damaged"):
        replayed(journal)
    with pytest.raises(JournalError, match="damaged"):
        journal.undo()
    assert journal.undo_tool == "brush"
    journal.close()


@pytest.mark.parametrize("damage", ["shape = 'x'", "start = '[9999, 0]'"])
def test_a_place_that_is_damaged_in_the_file_is_noticed(
    path: Path, damage: str
) -> None:
    journal, _ = edited(path)
    journal.write("brush", "Ada", [noise(0, 1)])
    journal._connection.execute(
        f"UPDATE patches SET {damage} WHERE id = (SELECT max(id) FROM patches)"
    )
    with pytest.raises(JournalError, match="damaged"):
        replayed(journal)
    journal.close()


def test_a_journal_taken_away_while_open_is_noticed_at_the_next_edit(
    path: Path, tmp_path: Path
) -> None:
    if os.name == "nt":
        pytest.skip("Windows does not let files go that are open")
    journal, model = edited(path)
    elsewhere = path.rename(tmp_path / "elsewhere.sqlite")
    with pytest.raises(JournalError) as told:
        journal.write("brush", "Ada", [noise(0, 1)])
    check_told(told.value, "moved or deleted")
    elsewhere.rename(path)
    journal.write("brush", "Ada", [noise(0, 1)])
    journal.undo()
    assert same(replayed(journal), model.copies[model.now])
    journal.close()


def test_a_closed_journal_says_so(path: Path) -> None:
    journal, _ = edited(path)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.write("brush", "Ada", [noise(0, 1)])


def test_an_empty_file_of_a_killed_beginning_becomes_a_journal(path: Path) -> None:
    path.touch()
    journal, model = edited(path)
    journal.close()
    again = open_journal(path)
    model.under_way = 0
    assert model.agrees_with(again)
    again.close()
