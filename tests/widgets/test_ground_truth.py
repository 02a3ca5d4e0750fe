"""The Ground truth tab: a data set, what goes in, who is held out, in and out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_octseg.editing.grading import Grading
from napari_octseg.editing.harvest import graded_scan
from napari_octseg.editing.review import ReviewState
from napari_octseg.groundtruth.class_mapping import read_mapping
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.formats.registry import FORMATS
from napari_octseg.groundtruth.pseudonyms import grader_pseudonym, pseudonym_of
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.widgets._gt_new_data_set import NewDataSetDialog
from napari_octseg.widgets._panel import PANEL_WIDTH
from napari_octseg.widgets._start_box import known_grader
from napari_octseg.widgets.ground_truth import GroundTruthWidget
from tests.groundtruth.beside import decide_beside
from tests.widgets.grading_scene import CLASSES, LAYERS, MODEL, correct, predict
from tests.widgets.grading_scene import scan as open_scan
from tests.widgets.ground_truth_scene import PATIENT, GroundTruthScene, cells

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def tab(qtbot, viewer, models, tmp_path) -> Iterator[GroundTruthScene]:
    one = GroundTruthScene(qtbot, viewer, tmp_path)
    yield one
    one.panel.close_down()
    one.correct.close_down()


def choose_folder(monkeypatch, path) -> None:
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *args, **kw: str(path)
    )


def choose_file(monkeypatch, path) -> None:
    for way in ("getOpenFileName", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, way, lambda *args, **kw: (str(path), ""))


# The data set


def test_before_anything_it_says_what_to_do(tab):
    panel = tab.panel
    assert "Make a new one, or open one" in panel.data_set_box.facts.text()
    assert "Open a correction on the Correct tab" in panel.scan_box.facts.text()
    assert not panel.scan_box.add_button.isVisible()
    assert not panel.split_fold.isVisible()
    assert not panel.export_fold.isVisible()


def test_a_new_data_set_has_the_classes_of_the_correction(tab):
    tab.grade()
    box = tab.panel.data_set_box
    tab.click(box.new_button)
    [dialog] = tab.panel.window().findChildren(NewDataSetDialog)
    tab.until(dialog.isVisible)
    dialog.name_field.clear()
    QTest.keyClicks(dialog.name_field, "Macula, 2026")
    dialog.choose_place(tab.folder)
    assert dialog.folder == tab.folder / "Macula-2026"
    tab.qtbot.mouseClick(dialog.make_button, LEFT)
    tab.rest()
    made = DataSet.open(tab.folder / "Macula-2026")
    assert (made.name, made.label_set, made.layers) == ("Macula, 2026", CLASSES, LAYERS)
    assert box.name_label.text() == "Macula, 2026"
    assert "No scan yet" in box.facts.text()


def test_a_new_data_set_is_not_made_over_something_else(tab):
    (tab.folder / "Ground-truth").mkdir()
    (tab.folder / "Ground-truth" / "notes.txt").write_text("mine")
    tab.click(tab.panel.data_set_box.new_button)
    [dialog] = tab.panel.window().findChildren(NewDataSetDialog)
    dialog.choose_place(tab.folder)
    tab.qtbot.mouseClick(dialog.make_button, LEFT)
    assert "notes.txt already" in tab.message()
    assert dialog.isVisible()
    dialog.close()
    assert tab.panel.folder.folder is None


def test_the_data_set_is_remembered_and_shown_by_every_panel(tab, qtbot):
    other = GroundTruthWidget(tab.viewer)
    made = tab.make_data_set()
    assert other.folder.folder == made.folder
    later = GroundTruthWidget(tab.viewer)
    qtbot.addWidget(other)
    qtbot.addWidget(later)
    assert later.folder.folder == made.folder
    later.show()
    tab.until(lambda: later.data_set_box.summary is not None)
    assert later.data_set_box.name_label.text() == "Macula"


def test_a_data_set_that_is_gone_is_told_without_a_message(tab):
    made = tab.make_data_set()
    shutil.rmtree(made.folder)
    tab.panel.data_set_box.refresh()
    text = tab.panel.data_set_box.facts.text()
    assert "not there any more" in text
    assert "open one" in text


def test_a_folder_that_is_no_data_set_is_refused(tab, monkeypatch):
    made = tab.make_data_set()
    (tab.folder / "else").mkdir()
    choose_folder(monkeypatch, tab.folder / "else")
    tab.click(tab.panel.data_set_box.open_button)
    assert "holds no data set" in tab.message()
    assert tab.panel.folder.folder == made.folder


def test_what_is_in_it_is_counted(tab):
    tab.grade()
    tab.make_data_set()
    tab.add()
    box = tab.panel.data_set_box
    text = box.facts.text()
    assert "1 patient · 1 scan · 1 version" in text
    assert "3 B-scans with ground truth: 2 reviewed, 1 corrected" in text
    tab.click(box.class_fold.button)
    assert cells(box.class_table) == [
        ["RNFL", "3", "1"],
        ["GCIPL", "3", "1"],
        ["INL", "3", "1"],
        ["IRF", "0", "0"],
    ]
    tab.click(box.scan_fold.button)
    [[name, patient, n_bscans, version]] = cells(box.scan_table)
    assert name.startswith("S-")
    assert (patient, n_bscans, version) == (pseudonym_of(PATIENT), "3", "1")


def test_changed_files_are_found(tab):
    tab.grade()
    made = tab.make_data_set()
    tab.add()
    box = tab.panel.data_set_box
    tab.click(box.scan_fold.button)
    tab.click(box.check_button)
    tab.rest()
    assert box.row.message.text() == "Every file is as it was when it was added."
    [labels] = made.folder.rglob("labels.tif")
    labels.write_bytes(labels.read_bytes() + b"x")
    tab.click(box.check_button)
    tab.rest()
    assert "1 file not as added" in box.row.message.text()
    assert "labels.tif" in box.row.message.toolTip()


def test_a_damaged_data_set_says_so_and_can_be_checked(tab):
    tab.grade()
    made = tab.make_data_set()
    tab.add()
    [facts] = made.folder.rglob("version.json")
    facts.write_text("{}")
    tab.panel.folder.touch()
    tab.rest()
    box = tab.panel.data_set_box
    assert "version.json is damaged" in box.facts.text()
    assert not tab.panel.split_fold.isVisible()
    tab.click(box.check_button)
    tab.rest()
    assert "version.json" in box.row.message.toolTip()


# This scan


def test_only_what_a_person_answers_for_is_offered(tab):
    grading = tab.grade()
    box = tab.panel.scan_box
    assert cells(box.table) == [
        ["reviewed", "2", "2"],
        ["corrected", "1", "1 (38 %)"],
        ["predicted", "5", "–"],
        ["excluded", "1", "–"],
    ]
    assert "1 of them accepted as is" in box.facts.text()
    # Reviewed by another way than "accept as is": nobody answers for it.
    grading.set_state(6, ReviewState.REVIEWED)
    tab.until(lambda: "B-scan 6 stays out" in box.facts.text())
    assert ["reviewed", "3", "2"] in cells(box.table)


def test_edits_in_the_other_tab_are_followed(tab):
    grading = tab.grade()
    box = tab.panel.scan_box
    correct(grading, 7)
    tab.until(lambda: "4 B-scans" in box.facts.text())
    grading.undo()
    tab.until(lambda: "3 B-scans" in box.facts.text())
    tab.correct.view.finish()
    tab.until(lambda: "Open a correction" in box.facts.text())
    assert not box.add_button.isVisible()


def test_the_patient_of_one_scan_is_not_taken_for_the_next(tab):
    tab.grade()
    tab.make_data_set()
    box = tab.panel.scan_box
    QTest.keyClicks(box.patient_field.chooser.lineEdit(), PATIENT)
    tab.correct.view.finish()
    tab.until(lambda: not box.patient_field.isVisible())
    tab.grade(classes=LabelSet.of("background", *LAYERS, "SRF"))
    assert box.patient_field.isVisible()
    assert box.patient_field.pseudonym == ""
    assert not box.add_button.isEnabled()


def test_what_is_missing_to_add_is_said(tab):
    tab.grade()
    box = tab.panel.scan_box
    assert "Make or open a data set" in box.note.text()
    assert not box.add_button.isEnabled()
    tab.make_data_set()
    assert "Whose eye is it?" in box.note.text()
    assert not box.add_button.isEnabled()
    QTest.keyClicks(box.patient_field.chooser.lineEdit(), "7")
    assert not box.note.isVisible()
    assert box.add_button.isEnabled()


def test_a_scan_is_added_and_read_back(tab):
    grading = tab.grade()
    made = tab.make_data_set()
    tab.add()
    box = tab.panel.scan_box
    [entry] = made.scans()
    assert box.row.message.text() == (
        f"Added as {entry.name}, version 1: 3 B-scans (2 reviewed, 1 corrected, "
        "1 accepted as is)."
    )
    found = made.read(entry.name)
    wanted = graded_scan(grading, patient=PATIENT, name=entry.name)
    np.testing.assert_array_equal(found.labels, wanted.labels)
    assert (found.labels[0] == IGNORE).all()
    assert (found.labels[1, :, :20] == IGNORE).all()
    assert (found.labels[1, :, 20:44] != IGNORE).all()
    assert found.patient == pseudonym_of(PATIENT)


def test_the_name_of_the_patient_is_nowhere(tab):
    tab.grade()
    made = tab.make_data_set()
    tab.add()
    field = tab.panel.scan_box.patient_field
    assert field.chooser.currentText() == pseudonym_of(PATIENT)
    words = [word.encode() for word in (*PATIENT.split(), "Anna")]
    state = tab.folder / "state"
    files = [
        path
        for folder in (made.folder, state, tab.folder / "secrets")
        for path in folder.rglob("*")
    ]
    assert len(files) > 8
    for path in files:
        assert not any(word in path.name.encode() for word in words)
        content = path.read_bytes() if path.is_file() else b""
        assert not any(word in content for word in words)


def test_the_pseudonym_is_shown_while_the_name_is_typed(tab):
    tab.grade()
    tab.make_data_set()
    field = tab.panel.scan_box.patient_field
    QTest.keyClicks(field.chooser.lineEdit(), "007")
    assert pseudonym_of("007") in field.stored.text()
    assert field.pseudonym == pseudonym_of("007")


def test_another_secret_is_told_while_the_name_is_typed(tab, monkeypatch):
    from tests.groundtruth.random_scans import plain_scan

    tab.grade()
    made = tab.make_data_set()
    own = made.pseudonym_of(PATIENT)
    made.add(replace(plain_scan(patient=own), label_set=CLASSES, layers=LAYERS))
    monkeypatch.setenv("OCTSEG_SECRETS", str(tab.folder / "elsewhere"))
    tab.panel.folder.touch()
    tab.rest()
    box = tab.panel.scan_box
    QTest.keyClicks(box.patient_field.chooser.lineEdit(), PATIENT)
    assert "another secret" in box.patient_field.stored.text()
    assert not box.add_button.isEnabled()
    box.patient_field.chooser.setEditText(own)
    tab.click(box.add_button)
    tab.rest()
    assert made.patients() == (own,)
    assert len(made.scans()) == 2


def test_adding_again_makes_a_version_only_where_something_changed(tab):
    grading = tab.grade()
    made = tab.make_data_set()
    tab.add()
    box = tab.panel.scan_box
    assert "version 1 of today" in box.known.text()
    assert pseudonym_of(PATIENT) in box.known.text()
    assert not box.patient_field.isVisible()
    assert box.add_button.text() == "Add as a new version"
    tab.add()
    assert "Nothing has changed since version 1" in box.row.message.text()
    correct(grading, 7)
    tab.until(lambda: "4 B-scans" in box.facts.text())
    tab.add()
    assert "version 2: 4 B-scans" in box.row.message.text()
    [entry] = made.scans()
    assert entry.versions == (1, 2)
    assert "1 scan · 2 versions" in tab.panel.data_set_box.facts.text()


def add_other_bscans(tab, made) -> None:
    """Another grader has corrected B-scan 6 of the open scan, and added that."""
    other = Grading.open(
        open_scan(), CLASSES, LAYERS, path=tab.folder / "other", grader="Berta"
    )
    predict(other)
    correct(other, 6)
    made.add(graded_scan(other, patient=PATIENT, name="S-1"))
    other.close()
    tab.panel.folder.touch()
    tab.rest()


def test_what_another_grader_added_stays(tab):
    tab.grade()
    made = tab.make_data_set()
    add_other_bscans(tab, made)
    box = tab.panel.scan_box
    assert "B-scan 6 stays as in version 1" in box.known.text()
    tab.add()
    assert made.graded_bscans("S-1") == (1, 2, 3, 6)
    text = box.row.message.text()
    assert "version 2: 3 B-scans" in text
    assert "B-scan 6 stays as in version 1" in text


def test_what_is_there_is_replaced_if_somebody_asks_for_it(tab):
    tab.grade()
    made = tab.make_data_set()
    add_other_bscans(tab, made)
    box = tab.panel.scan_box
    tab.click(box.replace_box)
    assert "stays" not in box.known.text()
    tab.add()
    assert made.graded_bscans("S-1") == (1, 2, 3)
    assert not box.replace_box.isChecked()


def test_with_nothing_to_add_there_is_nothing_to_press(tab):
    grading = tab.grade()
    made = tab.make_data_set()
    add_other_bscans(tab, made)
    for bscan in (1, 2, 3):
        grading.set_state(bscan, ReviewState.PREDICTED)
    box = tab.panel.scan_box
    tab.until(lambda: "Nothing to add yet" in box.facts.text())
    assert box.add_button.isVisible()
    assert not box.add_button.isEnabled()
    assert not box.replace_box.isVisible()


@pytest.mark.parametrize("anyway", [True, False])
def test_layers_out_of_order_are_asked_about(tab, anyway):
    grading = tab.grade()
    made = tab.make_data_set()
    grading.labels[1, 40:43, 25:40] = 1  # a piece of the first layer below the others
    field = tab.panel.scan_box.patient_field.chooser.lineEdit()
    QTest.keyClicks(field, PATIENT)
    tab.click(tab.panel.scan_box.add_button)
    assert "out of order in" in tab.answer("Add anyway" if anyway else "Cancel")
    tab.rest()
    assert len(made.scans()) == anyway
    assert tab.panel.scan_box.add_button.isEnabled()


def test_order_is_not_asked_about_where_nothing_is_added(tab):
    grading = tab.grade()
    made = tab.make_data_set()
    grading.labels[0, 40:43, 25:40] = 1  # a prediction that nobody looked at
    tab.add()
    assert len(made.scans()) == 1


def test_other_classes_of_the_data_set_are_mapped(tab):
    tab.grade()
    made = tab.make_data_set(
        LabelSet.of("background", "inner retina", "fluid"), ("inner retina",)
    )
    box = tab.panel.scan_box
    assert box.mapping_table.isVisible()
    chosen = dict(box.mapping_table.mapping.renames)
    assert chosen == {
        "background": "background",
        "RNFL": "inner retina",
        "GCIPL": "inner retina",
        "INL": "inner retina",
        "IRF": "fluid",
    }
    tab.add()
    [entry] = made.scans()
    labels = made.read(entry.name).labels
    assert set(np.unique(labels[2])) == {0, 1}
    assert (labels[2, 10:32] == 1).all()


def test_findings_that_the_correction_does_not_know_are_told(tab):
    tab.grade()
    tab.make_data_set(LabelSet.of("background", *LAYERS, "IRF", "SRF"))
    box = tab.panel.scan_box
    assert not box.mapping_table.isVisible()
    assert "also has SRF" in box.absent.note.text()


@pytest.mark.parametrize("there_is_none", [False, True])
def test_background_is_truth_only_if_there_is_none_of_what_it_may_be(
    tab, there_is_none
):
    grading = tab.grade()
    made = tab.make_data_set(LabelSet.of("background", *LAYERS, "IRF", "SRF"), LAYERS)
    box = tab.panel.scan_box
    assert "counts as not graded" in box.absent.note.text()
    if there_is_none:
        tab.click(box.absent.none_box)
        assert "there is none" in box.absent.note.text()
    tab.add()
    [entry] = made.scans()
    labels = made.read(entry.name).labels[2]
    background = grading.labels[2] == 0
    assert background.any()
    assert (labels[background] == (0 if there_is_none else IGNORE)).all()
    np.testing.assert_array_equal(labels[~background], grading.labels[2][~background])


def test_findings_are_asked_for_only_where_they_are_missing(tab):
    tab.grade()
    tab.make_data_set()
    assert not tab.panel.scan_box.absent.isVisible()


def test_the_disk_refuses_and_the_button_comes_back(tab, monkeypatch):
    from napari_octseg.errors import WriteError

    def refuse(*args, **kwargs):
        raise WriteError("The disk is full", todo="make room")

    tab.grade()
    made = tab.make_data_set()
    monkeypatch.setattr("napari_octseg.groundtruth.data_set.DataSet.add", refuse)
    QTest.keyClicks(tab.panel.scan_box.patient_field.chooser.lineEdit(), "7")
    tab.click(tab.panel.scan_box.add_button)
    assert "The disk is full" in tab.message()
    tab.rest()
    assert tab.panel.scan_box.add_button.isEnabled()
    assert made.scans() == []


# Who is held out


@pytest.fixture
def three(tab) -> DataSet:
    """A data set of three patients with one scan each."""
    from napari_octseg.volume import OCTVolume

    grading = tab.grade()
    made = tab.make_data_set()
    for number in range(3):
        one = graded_scan(grading, patient=f"patient {number}", name=f"S-{number}")
        pixels = np.array(one.volume.data)
        pixels[0, 0, 0] = number
        volume = OCTVolume(pixels, spacing=one.volume.spacing)
        made.add(replace(one, volume=volume))
    tab.panel.folder.touch()
    tab.rest()
    tab.click(tab.panel.split_fold.button)
    return made


def press_row(tab, row: int) -> None:
    table = tab.panel.split_box.table
    tab.panel.scroll_area.ensureWidgetVisible(table)
    where = table.visualItemRect(table.item(row, 0)).center()
    tab.qtbot.mouseClick(table.viewport(), LEFT, pos=QPoint(where))
    tab.rest()


def test_a_click_moves_a_patient_to_the_other_side(tab, three):
    box = tab.panel.split_box
    assert [row[3] for row in cells(box.table)] == ["not decided"] * 3
    assert "Nobody is held out yet" in box.note.text()
    press_row(tab, 1)
    patient = three.patients()[1]
    assert three.split() == {patient: "validation"}
    assert cells(box.table)[1] == [patient, "1", "3", "validation"]
    press_row(tab, 1)
    assert three.split() == {patient: "train"}
    assert cells(box.table)[1][3] == "train"


def test_a_split_is_proposed_and_keeps_what_was_decided(tab, three):
    box = tab.panel.split_box
    press_row(tab, 2)
    tab.click(box.propose_button)
    tab.rest()
    split = three.split()
    assert split[three.patients()[2]] == "validation"
    assert sorted(split.values()) == ["train", "train", "validation"]
    assert "1 patient of 3 held out" in box.note.text()
    assert "1 patient of 3 held out" in tab.panel.data_set_box.facts.text()
    assert not box.propose_button.isEnabled()


def test_a_proposal_leaves_what_somebody_else_decides(tab, three, monkeypatch):
    first, second, _ = three.patients()
    three.set_split({first: "validation"})
    wait = decide_beside(three, monkeypatch, {second: "validation"})
    tab.click(tab.panel.split_box.propose_button)
    tab.rest()
    wait()
    assert three.split()[second] == "validation"


def test_a_split_that_cannot_be_written_is_shown_as_it_is(tab, three, monkeypatch):
    from napari_octseg.errors import WriteError

    def refuse(*args):
        raise WriteError("The disk is full")

    monkeypatch.setattr("napari_octseg.groundtruth.data_set.DataSet.set_split", refuse)
    press_row(tab, 0)
    assert "The disk is full" in tab.message()
    tab.rest()
    assert [row[3] for row in cells(tab.panel.split_box.table)] == ["not decided"] * 3


# Out


def test_the_data_set_is_exported_and_read_back(tab, three, monkeypatch):
    box = tab.panel.export_box
    tab.click(tab.panel.export_fold.button)
    tab.until(lambda: box.picker.format is not None)
    assert "png" in box.picker.names
    assert "polygons" not in box.picker.names  # can only be read
    box.picker.choose("tiff")
    assert FORMATS["tiff"].what in box.picker.about.text()
    choose_folder(monkeypatch, tab.folder)
    tab.click(box.button)
    tab.rest()
    folder = tab.folder / "Macula-tiff"
    assert "3 scans in" in box.row.message.text()
    assert "Macula-tiff" in box.row.message.text()
    assert box.show_button.isVisible()
    found = {scan.name: scan for scan in FORMATS["tiff"].read(folder)}
    assert sorted(found) == ["S-0", "S-1", "S-2"]
    for name, scan in found.items():
        np.testing.assert_array_equal(scan.labels, three.read(name).labels)
    tab.click(box.button)
    tab.rest()
    assert (tab.folder / "Macula-tiff-2").is_dir()


def test_an_export_that_fails_gives_the_button_back(tab, three, monkeypatch):
    box = tab.panel.export_box
    tab.click(tab.panel.export_fold.button)
    tab.until(lambda: box.picker.format is not None)
    choose_folder(monkeypatch, tab.folder / "not there")
    tab.click(box.button)
    assert "cannot be made" in tab.message()
    tab.rest()
    assert box.button.isEnabled()
    assert not box.show_button.isVisible()


# In


def export(three: DataSet, folder: Path) -> Path:
    """The data set as TIFF, as others would give it."""
    scans = [three.read(entry.name) for entry in three.scans()]
    FORMATS["tiff"].write(scans, folder)
    return folder


def open_import(tab, path: Path, name: str = "tiff") -> None:
    box = tab.panel.import_box
    if not tab.panel.import_fold.button.isChecked():
        tab.click(tab.panel.import_fold.button)
    tab.until(lambda: box.source.picker.format is not None)
    box.source.picker.choose(name)
    box.read(path)
    tab.rest()


def test_labels_of_others_get_into_a_data_set(tab, three, monkeypatch):
    path = export(three, tab.folder / "theirs")
    own = DataSet.create(tab.folder / "own", "Own", CLASSES, LAYERS)
    tab.panel.folder.choose(own.folder)
    tab.rest()
    box = tab.panel.import_box
    choose_folder(monkeypatch, path)
    tab.click(tab.panel.import_fold.button)
    tab.until(lambda: box.source.picker.format is not None)
    box.source.picker.choose("tiff")
    tab.click(box.source.folder_button)
    tab.rest()
    assert box.name_label.text() == "theirs"
    assert box.facts.text() == "3 scans · 3 patients · 9 B-scans with labels"
    assert box.target == "the data set"
    assert not box.patient_field.isVisible()
    tab.click(box.import_button)
    tab.rest()
    assert box.row.message.text() == "3 scans added."
    assert own.digest() == three.digest()
    assert "3 patients · 3 scans" in tab.panel.data_set_box.facts.text()
    open_import(tab, path)
    tab.click(box.import_button)
    tab.rest()
    assert box.row.message.text() == "3 scans as before."


def theirs(tab, three, shift: int = 0) -> Path:
    """Labels of the open scan by somebody else, as a file of the name `other`."""
    one = three.read("S-0")
    labels = np.full_like(one.labels, IGNORE)
    labels[:] = 0
    for layer, (top, bottom) in enumerate(((8, 14), (14, 22), (22, 30)), 1):
        labels[:, top + shift : bottom + shift] = layer
    scan = replace(
        one,
        volume=tab.correct.view.grading.volume,
        labels=labels,
        boundaries=None,
        provenance=None,
        name="other",
    )
    FORMATS["tiff"].write([scan], tab.folder / "other")
    return tab.folder / "other"


def test_labels_of_others_get_into_the_open_correction(tab, three):
    grading = tab.correct.view.grading
    before = grading.labels.copy()
    open_import(tab, theirs(tab, three))
    box = tab.panel.import_box
    assert box.target == "the open correction"
    tab.click(box.import_button)
    tab.until(lambda: not tab.correct.header.is_busy)
    # Where a person has worked, nothing changes.
    np.testing.assert_array_equal(grading.labels[1:5], before[1:5])
    for bscan in (0, 5, 8):
        assert (grading.labels[bscan, 14:22] == 2).all()
        assert grading.states[bscan] == ReviewState.PREDICTED
        codes = set(np.unique(grading.origins[bscan]))
        # The name of the file may be that of the patient: only undo shows it.
        assert {grading.origin_names[code] for code in codes} == {"file"}
    assert grading.journal.undo_tool == "take over other"
    grading.undo()
    np.testing.assert_array_equal(grading.labels, before)
    assert grading.origin_names[grading.origins[0, 0]] == MODEL


def test_imported_labels_are_no_ground_truth_until_somebody_looks(tab, three):
    open_import(tab, theirs(tab, three))
    tab.click(tab.panel.import_box.import_button)
    tab.until(lambda: not tab.correct.header.is_busy)
    tab.panel.parentWidget().raise_()
    tab.panel.scan_box.refresh()
    assert "3 B-scans" in tab.panel.scan_box.facts.text()


def test_what_a_device_has_drawn_is_no_ground_truth(tab, three):
    from napari_octseg.boundaries import Boundaries
    from napari_octseg.io.save import save_volume

    tab.correct.view.finish()
    one = three.read("S-1")
    heights = np.repeat(np.array([10, 16], np.float32)[:, None, None], 9, axis=1)
    heights = np.repeat(heights, 64, axis=2)
    drawn = Boundaries(("ILM", "RNFL/GCL"), heights)
    path = tab.folder / "device.eye"
    save_volume(replace(one.volume, boundaries=drawn), path)
    open_import(tab, path, "device-boundaries")
    box = tab.panel.import_box
    assert box.target == "the data set"
    assert "A machine has made these labels" in box.target_note.text()
    assert not box.import_button.isEnabled()
    assert not box.patient_field.isVisible()


def test_what_a_device_has_drawn_can_be_accepted_as_it_is(tab, three):
    from napari_octseg.boundaries import Boundaries
    from napari_octseg.io.save import save_volume

    tab.correct.view.finish()
    one = three.read("S-1")
    heights = np.full((2, *one.labels.shape[::2]), [[[10]], [[16]]], np.float32)
    drawn = Boundaries(("ILM", "RNFL/GCL"), heights)
    path = tab.folder / "device.eye"
    save_volume(replace(one.volume, boundaries=drawn), path)
    own = DataSet.create(tab.folder / "own", "Own", LabelSet.of("background", "RNFL"))
    tab.panel.folder.choose(own.folder)
    tab.rest()
    open_import(tab, path, "device-boundaries")
    box = tab.panel.import_box
    tab.click(box.accept_box)
    assert "Whose eye is it?" in box.target_note.text()
    QTest.keyClicks(box.patient_field.chooser.lineEdit(), PATIENT)
    tab.click(box.import_button)
    tab.rest()
    assert box.row.message.text() == "1 scan added."
    [entry] = own.scans()
    told = own.read(entry.name).provenance
    assert told.accepted == (True,) * 9
    assert told.states == ("reviewed",) * 9
    assert set(told.graders) == {grader_pseudonym(known_grader())}
    assert "human" not in told.origin_names


def test_findings_that_a_file_does_not_know_are_asked_for(tab, three):
    path = export(three, tab.folder / "theirs")
    own = DataSet.create(
        tab.folder / "own", "Own", LabelSet.of("background", *LAYERS, "SRF"), LAYERS
    )
    tab.panel.folder.choose(own.folder)
    tab.rest()
    open_import(tab, path)
    box = tab.panel.import_box
    assert "also has SRF" in box.absent.note.text()
    tab.click(box.absent.none_box)
    tab.click(box.import_button)
    tab.rest()
    for entry in own.scans():
        assert (own.read(entry.name).labels == 0).any()


def test_boundaries_without_pixels_are_of_the_open_scan(tab, three, monkeypatch):
    grading = tab.correct.view.grading
    scan = replace(three.read("S-0"), volume=grading.volume)
    FORMATS["boundary-csv"].write([scan], tab.folder / "tables")
    path = tab.folder / "tables" / "S-0.csv"
    box = tab.panel.import_box
    tab.click(tab.panel.import_fold.button)
    tab.until(lambda: box.source.picker.format is not None)
    box.source.picker.choose("boundary-csv")
    assert box.source.scan_chooser.layer is not None
    assert box.source.scan_caption.isVisible()
    choose_file(monkeypatch, path)
    tab.click(box.source.file_button)
    tab.rest()
    assert box.target == "the open correction"
    assert box.import_button.isEnabled()


def test_labels_of_a_file_can_be_laid_on_an_open_scan(tab, three):
    box = tab.panel.import_box
    tab.click(tab.panel.import_fold.button)
    tab.until(lambda: box.source.picker.format is not None)
    box.source.picker.choose("coco")
    assert not box.source.scan_chooser.isVisible()
    tab.click(box.source.of_open_scan)
    assert box.source.scan_chooser.isVisible()
    scan = replace(three.read("S-0"), volume=tab.correct.view.grading.volume)
    FORMATS["coco"].write([scan], tab.folder / "coco")
    box.read(tab.folder / "coco" / "annotations.json")
    tab.rest()
    assert box.found is not None
    assert box.found.hashes == (tab.correct.view.grading.journal.identity.scan,)


def test_what_a_class_becomes_can_be_changed_saved_and_read(tab, three, monkeypatch):
    grading = tab.correct.view.grading
    open_import(tab, theirs(tab, three))
    box = tab.panel.import_box
    tab.click(box.mapping_fold.button)
    table = box.mapping_table
    names = [row[0] for row in zip(*[cells_of_names(table)], strict=True)]
    chooser = table.choosers[names.index("INL")]
    tab.panel.scroll_area.ensureWidgetVisible(chooser)
    chooser.setFocus()
    QTest.keyClicks(chooser, "leave")
    chooser.activated.emit(chooser.currentIndex())
    assert table.left_out == ("INL",)
    assert "INL is left out" in table.note.text()
    assert box.mapping_fold.button.text() == "Classes: 1 left out"
    path = tab.folder / "classes.csv"
    choose_file(monkeypatch, path)
    tab.click(table.save_button)
    assert dict(read_mapping(path).renames)["INL"] == "ignore"
    path.write_text(path.read_text().replace("RNFL,RNFL", "RNFL,GCIPL"))
    tab.click(table.open_button)
    assert dict(table.mapping.renames)["RNFL"] == "GCIPL"
    tab.click(box.import_button)
    tab.until(lambda: not tab.correct.header.is_busy)
    assert (grading.labels[0, 8:22] == 2).all()
    assert (grading.labels[0, 22:30] == IGNORE).all()


def cells_of_names(table) -> list[str]:
    return [table.table.item(row, 0).text() for row in range(table.table.rowCount())]


def test_a_damaged_table_of_classes_gives_a_message(tab, three, monkeypatch):
    open_import(tab, theirs(tab, three))
    box = tab.panel.import_box
    before = box.mapping_table.mapping
    path = tab.folder / "bad.csv"
    path.write_text("a,b\nRNFL\n")
    choose_file(monkeypatch, path)
    tab.click(box.mapping_fold.button)
    tab.click(box.mapping_table.open_button)
    assert "two columns" in tab.message()
    assert box.mapping_table.mapping == before


def test_labels_of_another_size_do_not_fit_the_correction(tab, three):
    from napari_octseg.volume import OCTVolume

    one = three.read("S-0")
    small = replace(
        one,
        volume=OCTVolume(one.volume.data[:2]),
        labels=one.labels[:2],
        boundaries=None,
        provenance=None,
    )
    small = replace(small, labels=np.ones_like(small.labels))
    FORMATS["tiff"].write([small], tab.folder / "small")
    open_import(tab, tab.folder / "small")
    box = tab.panel.import_box
    assert box.target == "the data set"
    box.target_chooser.setCurrentText("the open correction")
    assert "have the size of the open scan" in box.target_note.text()
    assert not box.import_button.isEnabled()


def test_a_file_of_another_kind_gives_a_message(tab, three):
    (tab.folder / "empty").mkdir()
    open_import(tab, tab.folder / "empty")
    assert tab.message()
    assert not tab.panel.import_box.details.isVisible()
    assert tab.panel.import_box.source.folder_button.isEnabled()


def test_without_a_place_to_go_it_says_where_to_open_one(tab, three):
    path = export(three, tab.folder / "theirs")
    shutil.rmtree(three.folder)
    tab.panel.data_set_box.refresh()
    tab.correct.view.finish()
    open_import(tab, path)
    box = tab.panel.import_box
    assert "Open a data set above" in box.target_note.text()
    assert not box.import_button.isVisible()


# The panel


def test_everything_fits_into_the_dock(tab, three):
    panel = tab.panel
    for fold in (panel.export_fold, panel.import_fold, panel.data_set_box.class_fold):
        fold.set_unfolded(True)
    panel.data_set_box.scan_fold.set_unfolded(True)
    open_import(tab, export(three, tab.folder / "theirs"))
    panel.import_box.mapping_fold.set_unfolded(True)
    content = panel.scroll_area.widget()
    assert content.minimumSizeHint().width() <= PANEL_WIDTH - 20
    assert content.width() <= panel.scroll_area.viewport().width()


def test_closing_the_dock_ends_its_listening(tab, three):
    grading = tab.correct.view.grading
    tab.viewer.window.remove_dock_widget(tab.panel.parentWidget())
    before = tab.panel.scan_box.facts.text()
    correct(grading, 7)
    assert tab.panel.correction.grading is None
    assert tab.panel.scan_box.facts.text() == before
