"""The Correct panel: boundaries and regions, by hand and with help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.editing.grading import Grading
from napari_octseg.errors import OctsegError
from napari_octseg.widgets._canvas_cursor import canvas_of
from napari_octseg.widgets._canvas_tools import CanvasTools
from napari_octseg.widgets._class_palette import ClassPalette
from napari_octseg.widgets._correction_overlay import CorrectionOverlay
from napari_octseg.widgets._deeds import deeds_of
from napari_octseg.widgets._fold import Fold
from napari_octseg.widgets._glyphs import key_icon
from napari_octseg.widgets._grading_header import GradingHeader
from napari_octseg.widgets._grading_view import GradingView
from napari_octseg.widgets._key_card import KeyCard
from napari_octseg.widgets._key_table import keys_now
from napari_octseg.widgets._keys import Keys
from napari_octseg.widgets._layers import facts_of, is_overlay, plain, volume_of
from napari_octseg.widgets._messages import show_error
from napari_octseg.widgets._order_box import OrderBox
from napari_octseg.widgets._origin_strip import OriginStrip
from napari_octseg.widgets._panel import Panel
from napari_octseg.widgets._panel_in_front import panel_in_front
from napari_octseg.widgets._propagate_box import PropagateBox
from napari_octseg.widgets._queue_box import QueueBox
from napari_octseg.widgets._region_box import RegionBox
from napari_octseg.widgets._review_box import ReviewBox
from napari_octseg.widgets._review_strip import ReviewStrip
from napari_octseg.widgets._start_box import StartBox
from napari_octseg.widgets._tool_box import ToolBox
from napari_octseg.widgets._undo_box import UndoBox
from napari_octseg.widgets._window import main_window
from napari_octseg.wording import counted

if TYPE_CHECKING:
    import napari
    from qtpy.QtGui import QHideEvent, QShowEvent

    from napari_octseg.editing.grading import Change
    from napari_octseg.editing.identity import FoundJournal
    from napari_octseg.widgets._starts import Start


class CorrectWidget(Panel):
    """Begin or resume a correction; tools, classes, review and what comes next."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._window: QObject | None = None
        self.view = GradingView(napari_viewer, self)
        self.overlay = CorrectionOverlay(self.view)
        self.canvas_tools = CanvasTools(self.view, self.overlay, self)
        self.start_box = StartBox(napari_viewer, self)
        self.header = GradingHeader(self.view, self)
        self.undo_box = UndoBox(self.view)
        self.card_button = QPushButton("Keys")
        self.tool_box = ToolBox(self.view)
        self.palette = ClassPalette(self.view)
        self.region_box = RegionBox(self.view)
        self.review_strip = ReviewStrip(self.view, self)
        self.review_box = ReviewBox(self.view, self)
        self.queue_box = QueueBox(self.view, self)
        self.propagate_box = PropagateBox(self.view, self)
        self.order_box = OrderBox(self.view, self)
        self.origin_strip = OriginStrip(self.view, self)
        self.status = QLabel()
        self._arrange()
        self.keys = Keys(napari_viewer, self, deeds_of(self), keys_now())
        self._show_keys()
        self._connect()
        self._on_opened(None)

    def _arrange(self) -> None:
        self.work = QWidget()
        column = QVBoxLayout(self.work)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        history = QHBoxLayout()
        history.setSpacing(4)
        history.addWidget(self.undo_box, 1)
        history.addWidget(self.card_button)
        column.addLayout(history)
        for widget in (
            self.tool_box,
            self.palette,
            _folded("All of a class on this B-scan", self.region_box),
            self.review_box,
            _folded("What next", self.queue_box),
            _folded("Take along to other B-scans", self.propagate_box),
            _folded("Order of the layers", self.order_box),
            _folded("Where labels come from", self.origin_strip),
        ):
            column.addWidget(widget)
        for widget in (self.header, self.start_box, self.work):
            self.body.addWidget(widget)
        self.body.addStretch()
        self.status.setWordWrap(True)
        self.status.setContentsMargins(8, 2, 8, 4)
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.footer.addWidget(self.status)
        for kind in (QAbstractButton, QComboBox, QSlider):
            for control in self.work.findChildren(kind):
                # A click leaves the keys with the picture; the Tab key gets here.
                if control.focusPolicy() != Qt.FocusPolicy.NoFocus:
                    control.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def _connect(self) -> None:
        view, tools = self.view, self.canvas_tools
        view.opened.connect(self._on_opened)
        view.said.connect(self.say)
        view.changed.connect(self._on_changed)
        self.listen(self._viewer.layers.events.inserted, self._on_inserted)
        view.failed.connect(lambda error: show_error(self, error))
        self.start_box.begun.connect(self.begin)
        self.start_box.resumed.connect(self._on_resumed)
        self.header.busy_changed.connect(self._on_busy)
        self.card_button.clicked.connect(self.show_card)
        self.tool_box.size_changed.connect(self._on_size)
        self.tool_box.policy_changed.connect(
            lambda name: setattr(tools, "policy", name)
        )
        self.tool_box.tolerance_changed.connect(
            lambda reach: setattr(tools, "tolerance", reach)
        )
        application = QApplication.instance()
        assert application is not None
        # A dock that is closed with its window is told nothing.
        application.aboutToQuit.connect(view.close)
        self.closing.connect(self._let_go)

    def begin(self, start: Start) -> None:
        """Open a correction of the chosen scan, with these labels to begin from.

        What was corrected earlier with the same classes is gone on with, and stays.
        """
        image = self.start_box.scan_chooser.layer
        if image is None:
            return
        if not self._open(image, start.label_set, start.layers):
            return
        grading = self.view.grading
        assert grading is not None
        if grading.journal.undo_tool is not None:
            self.say(
                "There was a correction with these classes: it is gone on with. "
                "“Take over” brings labels to B-scans that nobody has corrected."
            )
        elif start.labels is not None:
            self.header.take(start)

    def resume(self, journal: FoundJournal, image: Image) -> None:
        """Go on with a correction that was begun earlier."""
        if self._open(image, journal.label_set, journal.layers, journal):
            self.say(f"Resumed: {counted(journal.n_edits, 'edit')}.")

    def _open(
        self,
        image: Image,
        label_set: Any,
        layers: tuple[str, ...],
        journal: FoundJournal | None = None,
    ) -> bool:
        if not self.view.finish():
            return False
        QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
        try:
            grading = Grading.open(
                volume_of(image),
                label_set,
                layers,
                path=None if journal is None else journal.path,
                grader=self.start_box.grader,
            )
        except OctsegError as error:
            show_error(self, error)
            return False
        finally:
            QApplication.restoreOverrideCursor()
        self._clear_away(grading)
        self.view.show(grading, image, f"{image.name} – correction")
        return True

    def _clear_away(self, grading: Grading) -> None:
        """Other labels of the scan would mix their colours with these."""
        for layer in [plain(one) for one in self._viewer.layers]:
            facts = facts_of(layer)
            if not isinstance(layer, Labels) or facts.get("volume") is None:
                continue
            if layer is self.view.labels_layer:
                continue
            if facts["volume"] is not grading.volume:
                continue
            if facts.get("grading") is False:
                # An ended correction is in its journal: this is a dead picture of it.
                self._viewer.layers.remove(layer)
            elif not facts.get("overlay", False):
                layer.visible = False

    def choose_tool(self, name: str) -> None:
        """Take a tool in hand, if the labels have what it is for."""
        grading = self.view.grading
        if grading is None:
            return
        button = self.tool_box.buttons[name]
        if not button.isVisibleTo(self.tool_box):
            self.say("These labels have no layers, and so no boundaries.")
            return
        self.view.choose_tool(name)

    def show_labels(self, shown: bool) -> None:
        """Show or hide labels and boundaries."""
        if self.view.labels_layer is not None:
            self.view.labels_layer.visible = shown
            self.overlay.visible = shown

    def show_card(self) -> None:
        """Show the card of the keys; a second time brings it forward."""
        for known in self.findChildren(KeyCard):
            known.raise_()
            return
        card = KeyCard(self)
        card.keys_changed.connect(self._on_keys)
        card.show()

    def say(self, text: str) -> None:
        """Show a sentence at the foot of the panel."""
        self.status.setText(text)

    def showEvent(self, event: QShowEvent) -> None:
        """The keys hold while the tab is seen."""
        super().showEvent(event)
        window = main_window(self)
        if window is not None and window is not self._window:
            self._window = window
            window.installEventFilter(self)
        self._bind()

    def hideEvent(self, event: QHideEvent) -> None:
        """Other tabs have their keys back."""
        super().hideEvent(event)
        self.keys.unbind()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The window is closed: napari tells its docks nothing of it."""
        if watched is self._window and event.type() == QEvent.Type.Close:
            # It may still be called off.
            QTimer.singleShot(0, self._on_window_closed)
        return bool(super().eventFilter(watched, event))

    def _on_window_closed(self) -> None:
        window = self._window
        if isinstance(window, QWidget) and not window.isVisible():
            self.view.close()

    def _let_go(self) -> None:
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None

    def _bind(self) -> None:
        if self.view.grading is not None and self.isVisible():
            self.keys.bind()
        else:
            self.keys.unbind()

    def _on_opened(self, grading: Grading | None) -> None:
        self.start_box.setVisible(grading is None)
        self.work.setVisible(grading is not None)
        self._bind()
        if grading is None:
            self.say("")
            # Its journal is closed after this.
            QTimer.singleShot(0, self._look_again)
            return
        self._on_size("magnet", self.tool_box.size_of("magnet"))
        canvas = canvas_of(self)
        if canvas is not None:
            canvas.setFocus()

    def _on_changed(self, change: Change) -> None:
        """What was said before an edit is not about what is there now."""
        if "journal" in change.targets:
            self.say("")

    def _on_inserted(self, event: Any) -> None:
        image = self.view.image_layer
        if (
            image is None
            or not isinstance(event.value, Image)
            or is_overlay(event.value)
        ):
            return
        self.say(
            f"{image.name} is still being corrected; “Close” ends that, and what was "
            f"done is kept. Then {event.value.name} can be begun."
        )

    def _look_again(self) -> None:
        if self.view.grading is None:
            self.start_box.refresh()

    def _on_resumed(self, journal: FoundJournal) -> None:
        image = self.start_box.scan_chooser.layer
        if image is not None:
            self.resume(journal, image)

    def _on_busy(self, busy: bool) -> None:
        self.work.setEnabled(not busy)
        if busy:
            self.view.choose_tool("pan")
            if self.view.grading is not None:
                self._clear_away(self.view.grading)

    def _on_size(self, tool: str, size: int) -> None:
        if tool == "magnet":
            self.canvas_tools.radius = float(size)

    def _on_keys(self, keys: dict[str, str]) -> None:
        self.keys.choose(keys)
        self._show_keys()

    def _show_keys(self) -> None:
        keys = self.keys.keys
        self.tool_box.show_keys(keys)
        self.undo_box.show_keys(keys)
        for name, button in (
            ("accept", self.review_box.next_button),
            ("reviewed", self.review_box.reviewed_button),
            ("what-next", self.queue_box.next_button),
            ("copy-previous", self.propagate_box.copy_button),
            ("interpolate", self.propagate_box.interpolate_button),
        ):
            button.setIcon(key_icon(keys[name]))
        card = keys["card"]
        self.card_button.setText(f"Keys {card}".strip())
        self.card_button.setToolTip("All keys, and how to change them")


def resume_in_front(
    viewer: napari.Viewer, asker: QWidget, journal: FoundJournal, image: Image
) -> None:
    """Bring the Correct panel forward, and go on with a correction in it."""
    panel_in_front(viewer, asker, CorrectWidget, "Correct").resume(journal, image)


def _folded(title: str, content: QWidget) -> Fold:
    fold = Fold(title)
    if isinstance(content, QGroupBox):
        # The fold is its title.
        content.setTitle("")
        content.setStyleSheet(
            "QGroupBox { border: none; margin-top: 0px; padding: 0px; }"
        )
    fold.body.addWidget(content)
    return fold
