"""The tools, and the few settings of the one that is in hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QButtonGroup,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_octseg.editing.smart_fill import LEAST_TOLERANCE, MOST_TOLERANCE
from napari_octseg.widgets._choosers import NarrowComboBox
from napari_octseg.widgets._glyphs import key_icon

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_octseg.editing.grading import Grading
    from napari_octseg.widgets._grading_view import GradingView


@dataclass(frozen=True)
class Tool:
    """A tool as it is offered: its name in the view, a short word, and what to do."""

    name: str
    word: str
    hint: str


BOUNDARY_TOOLS = (
    Tool("knots", "Knots", "Drag a knot; only the stretch up to its neighbours moves."),
    Tool("pen", "Pen", "Draw along a boundary: the columns of the stroke follow it."),
    Tool(
        "livewire",
        "Live-wire",
        "Click along a boundary: the path snaps to it. After one click, Enter or a "
        "double click draws it up to the old line; with Shift, all of it.",
    ),
    Tool("magnet", "Magnet", "Push a stretch of a boundary up or down."),
    Tool("hide", "Cannot see", "Drag over columns that nobody can grade."),
)
REGION_TOOLS = (
    Tool("brush", "Brush", "Paint the chosen class."),
    Tool("erase", "Eraser", "Take labels away; layers show through under findings."),
    Tool("fill", "Fill", "Click a piece: all of it becomes the chosen class."),
    Tool("polygon", "Polygon", "Click corners; a double click closes the polygon."),
    Tool("smart-fill", "Smart fill", "Click: similar pixels up to the next boundary."),
    Tool("delete", "Delete", "Click a piece of a finding: it goes."),
    Tool("relabel", "Relabel", "Click a piece: it becomes the chosen class."),
    Tool("pick", "Pick", "Click: the class there becomes the chosen one."),
)
_NO_TOOL = Tool("pan", "Move", "Move and zoom the picture; the wheel zooms.")
_TOOLS = {tool.name: tool for tool in (_NO_TOOL, *BOUNDARY_TOOLS, *REGION_TOOLS)}

_SIZES = {"brush": 10, "erase": 10, "magnet": 15}
_LARGEST = 100
_TOLERANCES = 100
_N_COLUMNS = 3


class ToolBox(QGroupBox):
    """Buttons for all tools; below them what the tool in hand can be told.

    Signals
    -------
    size_changed
        Name of the tool, and the size of its brush in px.
    policy_changed
        What a dragged boundary does at its neighbours: ``"push"`` or ``"stop"``.
    tolerance_changed
        How far the smart fill grows, in px; None for automatic.
    """

    size_changed = Signal(str, int)
    policy_changed = Signal(str)
    tolerance_changed = Signal(object)

    def __init__(self, view: GradingView) -> None:
        super().__init__("Tools")
        self._view = view
        self._sizes = dict(_SIZES)
        self.buttons: dict[str, QPushButton] = {}
        self._group = QButtonGroup(self)
        self._build()
        self._group.buttonClicked.connect(self._on_clicked)
        self.boundary_chooser.activated.connect(view.choose_boundary)
        self.size_slider.valueChanged.connect(self._on_size)
        self.push_button.toggled.connect(self._on_policy)
        self.tolerance_slider.valueChanged.connect(self._on_tolerance)
        view.opened.connect(self.show_grading)
        view.tool_changed.connect(self._on_tool)
        view.boundary_changed.connect(self.boundary_chooser.setCurrentIndex)
        self._on_tolerance(0)
        self.show_grading(view.grading)

    def _build(self) -> None:
        self.boundary_chooser = NarrowComboBox()
        self.boundary_chooser.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.boundary_chooser.setToolTip("The boundary that is drawn")
        self.push_button = QRadioButton("push")
        self.push_button.setToolTip("A boundary takes its neighbours along")
        self.push_button.setChecked(True)
        self.stop_button = QRadioButton("stop")
        self.stop_button.setToolTip("A boundary ends at its neighbours")
        self.size_slider = _slider(1, _LARGEST)
        self.size_value = QLabel()
        self.tolerance_slider = _slider(0, _TOLERANCES)
        self.tolerance_slider.setToolTip(
            "How far the fill grows; at the very left it ends at the clearest edge"
        )
        self.tolerance_value = QLabel()
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self._boundary_part = _part("Boundaries", self._rows_of(BOUNDARY_TOOLS))
        region_part = _part("Regions", self._rows_of((*REGION_TOOLS, _NO_TOOL)))
        self.options = QVBoxLayout()
        self.options.setSpacing(4)
        neighbours = QWidget()
        row = QHBoxLayout(neighbours)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.push_button)
        row.addWidget(self.stop_button)
        row.addStretch()
        self._option_rows = {
            "boundary": self._option("Boundary", self.boundary_chooser),
            "policy": self._option("Neighbours", neighbours),
            "size": self._option("Size", self.size_slider, self.size_value),
            "tolerance": self._option(
                "Reach", self.tolerance_slider, self.tolerance_value
            ),
        }
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 6)
        layout.setSpacing(4)
        layout.addWidget(self._boundary_part)
        layout.addWidget(region_part)
        layout.addWidget(self.hint)
        layout.addLayout(self.options)

    def _rows_of(self, tools: tuple[Tool, ...]) -> QWidget:
        part = QWidget()
        grid = QGridLayout(part)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        for place, tool in enumerate(tools):
            button = QPushButton(tool.word)
            button.setCheckable(True)
            button.setIconSize(QSize(14, 14))
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.setProperty("tool", tool.name)
            button.setToolTip(tool.hint)
            self.buttons[tool.name] = button
            self._group.addButton(button)
            grid.addWidget(button, place // _N_COLUMNS, place % _N_COLUMNS)
        for column in range(_N_COLUMNS):
            grid.setColumnStretch(column, 1)
        return part

    def _option(
        self, title: str, field: QWidget, value: QLabel | None = None
    ) -> QWidget:
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        caption = QLabel(title)
        caption.setFixedWidth(86)
        row.addWidget(caption)
        row.addWidget(field, 1)
        if value is not None:
            value.setFixedWidth(64)
            value.setAlignment(
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            )
            row.addWidget(value)
        self.options.addWidget(line)
        return line

    @property
    def size(self) -> int:
        """Size of the brush of the tool in hand, px; 0 if it has none."""
        return self._sizes.get(self._view.tool, 0)

    def size_of(self, tool: str) -> int:
        """Size of the brush of a tool, px; 0 if it has none."""
        return self._sizes.get(tool, 0)

    @property
    def policy(self) -> str:
        """``"push"`` or ``"stop"``."""
        return "push" if self.push_button.isChecked() else "stop"

    @property
    def tolerance(self) -> float | None:
        """How far the smart fill grows through like tissue, px; None: automatic."""
        value = self.tolerance_slider.value()
        if not value:
            return None
        share = (value - 1) / (_TOLERANCES - 1)
        return float(LEAST_TOLERANCE * (MOST_TOLERANCE / LEAST_TOLERANCE) ** share)

    def resize_brush(self, by: int) -> None:
        """Make the brush of the tool in hand larger or smaller."""
        if self.size:
            self.size_slider.setValue(self.size + by * max(1, self.size // 10))

    def show_keys(self, keys: Mapping[str, str]) -> None:
        """Show on every button which key takes it."""
        for name, button in self.buttons.items():
            key = keys.get(name, "")
            button.setIcon(key_icon(key))
            hint = _TOOLS[name].hint
            button.setToolTip(f"{hint} Key {key}." if key else hint)

    def show_grading(self, grading: Grading | None) -> None:
        """Offer the tools for another grading, or for none."""
        self.setVisible(grading is not None)
        if grading is None:
            return
        names = grading.boundary_names
        self.boundary_chooser.clear()
        self.boundary_chooser.addItems(names)
        self._boundary_part.setVisible(bool(names))
        self._on_tool(self._view.tool)

    def _on_clicked(self, button: QPushButton) -> None:
        self._view.choose_tool(button.property("tool"))

    def _on_tool(self, name: str) -> None:
        tool = _TOOLS[name]
        self.buttons[name].setChecked(True)
        self.hint.setText(tool.hint)
        draws = tool in BOUNDARY_TOOLS and name != "hide"
        shown = {
            "boundary": draws,
            "policy": draws,
            "size": bool(self.size),
            "tolerance": name == "smart-fill",
        }
        for row, is_shown in shown.items():
            self._option_rows[row].setVisible(is_shown)
        if self.size:
            self.size_slider.setValue(self.size)
            self._on_size(self.size)

    def _on_size(self, size: int) -> None:
        tool = self._view.tool
        if tool not in self._sizes:
            return
        names = ("brush", "erase") if tool in ("brush", "erase") else (tool,)
        self._sizes.update(dict.fromkeys(names, size))
        self.size_value.setText(f"{size} px")
        layer = self._view.labels_layer
        if layer is not None and tool != "magnet":
            layer.brush_size = size
        self.size_changed.emit(tool, size)

    def _on_policy(self, _: bool) -> None:
        self.policy_changed.emit(self.policy)

    def _on_tolerance(self, _: int) -> None:
        tolerance = self.tolerance
        self.tolerance_changed.emit(tolerance)
        self.tolerance_value.setText(
            "automatic" if tolerance is None else f"{tolerance:.0f} px"
        )


def _part(title: str, content: QWidget) -> QWidget:
    part = QWidget()
    caption = QLabel(title)
    column = QVBoxLayout(part)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(1)
    column.addWidget(caption)
    column.addWidget(content)
    return part


def _slider(lowest: int, highest: int) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(lowest, highest)
    slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return slider
