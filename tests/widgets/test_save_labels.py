from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_octseg.boundaries import Boundaries, boundaries_to_labels
from napari_octseg.engine.inference import Segmentation
from napari_octseg.io import read_volume
from napari_octseg.labels import LabelSet
from napari_octseg.volume import OCTVolume
from napari_octseg.widgets._layers import make_labels_layer, note, volume_of
from napari_octseg.widgets._messages import ErrorMessage
from napari_octseg.widgets._prediction import watch_edits
from napari_octseg.widgets._save_labels import LabelsSaver, default_name, writer_of

pytestmark = pytest.mark.gui

CLASSES = LabelSet.of("background", "RNFL", "GCIPL")


class Card:
    """As much of a model card as is asked for."""

    name = "octid-unet"
    label_set = CLASSES


@pytest.fixture
def layer(volume: OCTVolume):
    """Labels of a model, with its boundaries, over a scan called eye 3/4."""
    from napari.layers import Image

    image = Image(volume.data, name="eye 3/4", metadata={"octseg": {"volume": volume}})
    labels = np.zeros(volume.shape, np.uint8)
    heights = np.full((3, 5, 48), np.float32(7.25))
    result = Segmentation(
        volume,
        Card(),
        "cpu",
        labels,
        Boundaries(("ILM", "RNFL/GCL", "IPL/INL"), heights),
        np.zeros((5, 48), np.float32),
    )
    made = make_labels_layer(
        labels, volume_of(image), CLASSES, image_layer=image, name="eye – OCTID: 8"
    )
    note(made, scan=image.name, model=Card.name, segmentation=result)
    watch_edits(made)
    return made


def test_the_name_offered_is_legal_on_every_system(layer):
    assert default_name(layer) == "eye 3-4_octid-unet.tif"
    layer.metadata.clear()
    assert default_name(layer) == "eye – OCTID- 8.tif"
    layer.name = "???"
    assert default_name(layer) == "labels.tif"


def test_eye_files_hold_the_boundaries_of_the_model(layer, tmp_path):
    path = writer_of(layer, tmp_path / "labels.eye")()
    boundaries = read_volume(path).boundaries
    assert boundaries is not None
    assert boundaries.names == ("ILM", "RNFL/GCL", "IPL/INL")
    assert (boundaries["ILM"] == 7.25).all()


def test_boundaries_of_the_model_are_not_those_of_edited_labels(layer, tmp_path):
    layer.paint((0, 5, 5), 2)
    path = writer_of(layer, tmp_path / "labels.eye")()
    assert read_volume(path).boundaries is None


def test_boundaries_of_the_model_are_not_those_of_a_duplicate(layer, tmp_path):
    from napari.layers import Labels

    copy = Labels(layer.data.copy(), metadata=layer.metadata)
    path = writer_of(copy, tmp_path / "labels.eye")()
    assert read_volume(path).boundaries is None


def test_the_window_lives_while_labels_are_written(qtbot, layer, tmp_path, monkeypatch):
    may_write = threading.Event()
    threads = []
    written = []

    def slow(saved, path, volume):
        threads.append(threading.current_thread())
        assert may_write.wait(10)
        written.append(int(saved.labels.max()))

    monkeypatch.setattr("napari_octseg.io.save.save_labels", slow)
    saver = LabelsSaver()
    qtbot.addWidget(saver)
    saver.save(layer, tmp_path / "labels.tif")
    assert saver.is_busy
    assert not saver.button.isEnabled()
    assert saver.message.text() == "Saving labels.tif…"
    layer.data[...] = 2  # comes too late for this file
    may_write.set()
    qtbot.waitUntil(lambda: not saver.is_busy, timeout=10_000)
    assert written == [0]
    assert threads != [threading.main_thread()]
    assert saver.message.text() == "Saved labels.tif"
    assert saver.button.isEnabled()


def test_a_file_that_cannot_be_written_gives_a_message(qtbot, layer, tmp_path):
    saver = LabelsSaver()
    qtbot.addWidget(saver)
    saver.save(layer, tmp_path / "no folder" / "labels.tif")
    qtbot.waitUntil(lambda: not saver.is_busy, timeout=10_000)
    [message] = saver.findChildren(ErrorMessage)
    message.close()
    assert saver.message.isHidden()
    assert saver.button.isEnabled()


@pytest.fixture
def corrected(volume: OCTVolume):
    """A correction with three flat boundaries, in order."""
    from napari.layers import Image

    image = Image(volume.data, name="eye", metadata={"octseg": {"volume": volume}})
    heights = np.empty((3, 5, 48), np.float32)
    heights[:] = np.array([6.5, 12.5, 20.5], np.float32)[:, None, None]
    labels = boundaries_to_labels(heights, volume.depth)
    made = make_labels_layer(
        labels, volume, CLASSES, image_layer=image, name="eye – correction"
    )
    boundaries = Boundaries(("ILM", "RNFL/GCL", "IPL/INL"), heights)
    note(made, grading=True, layers=(1, 2), corrected=boundaries)
    return made


def test_files_of_a_correction_hold_its_boundaries(corrected, tmp_path):
    path = writer_of(corrected, tmp_path / "labels.eye")()
    boundaries = read_volume(path).boundaries
    assert boundaries is not None
    assert (boundaries["RNFL/GCL"] == 12.5).all()


def test_a_correction_in_order_is_saved_without_a_question(
    qtbot, corrected, tmp_path, monkeypatch
):
    target = tmp_path / "good.tif"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), "")
    )
    saver = LabelsSaver()
    qtbot.addWidget(saver)
    saver.offer(corrected)
    saver.show()
    qtbot.mouseClick(saver.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: saver.message.text() == "Saved good.tif", timeout=20_000)
    assert (read_volume(target).data == corrected.data).all()


@pytest.mark.parametrize("anyway", [True, False])
def test_layers_out_of_order_are_asked_about(
    qtbot, corrected, tmp_path, monkeypatch, anyway
):
    corrected.data[2, 25:28, 10:20] = 1  # a piece of the first layer below the others
    target = tmp_path / "bad.tif"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), "")
    )
    saver = LabelsSaver()
    qtbot.addWidget(saver)
    saver.offer(corrected)
    saver.show()
    qtbot.mouseClick(saver.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(saver.findChildren(QMessageBox)), timeout=20_000)
    [question] = saver.findChildren(QMessageBox)
    assert "out of order in" in question.text()
    words = "Save anyway" if anyway else "Cancel"
    [button] = [b for b in question.buttons() if words in b.text().replace("&", "")]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    if anyway:
        qtbot.waitUntil(target.exists, timeout=20_000)
        qtbot.waitUntil(lambda: not saver.is_busy)
    else:
        qtbot.waitUntil(lambda: not saver.is_busy)
        assert not target.exists()
        assert saver.button.isEnabled()
