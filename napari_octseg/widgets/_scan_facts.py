"""What was opened: eye, device, size, pattern, warnings and notes."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_octseg.volume import ScanPattern
from napari_octseg.widgets._text import amber
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.volume import OCTVolume

_EYES = {"OD": "right (OD)", "OS": "left (OS)", None: "unknown"}
_PATTERNS = {
    ScanPattern.RASTER: "raster: parallel B-scans",
    ScanPattern.LINE: "single line",
    ScanPattern.CIRCLE: "circle",
    ScanPattern.RADIAL: "radial: B-scans through one point",
    ScanPattern.UNKNOWN: "unknown",
}
_ROWS = ("File", "Eye", "Device", "Pattern", "Size", "Extent")


class ScanFacts(QWidget):
    """A form of facts about a volume, then what should be checked."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(2)
        self.values: dict[str, QLabel] = {}
        for name in _ROWS:
            label = QLabel()
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            form.addRow(QLabel(name), label)
            self.values[name] = label
        layout.addLayout(form)
        self.warnings = _remarks()
        self.notes = _remarks()
        layout.addWidget(self.warnings)
        layout.addWidget(self.notes)

    def show_volume(self, volume: OCTVolume) -> None:
        """Show another volume."""
        source = Path(volume.source).name if volume.source else "no file"
        texts = (
            source,
            _EYES[volume.laterality],
            volume.device or "unknown",
            _PATTERNS[volume.scan_pattern],
            size_text(volume),
            extent_text(volume),
        )
        for name, text in zip(_ROWS, texts, strict=True):
            self.values[name].setText(escape(text))
        self.values["File"].setToolTip(volume.source or "")
        lines = [f"• {escape(note)}" for note in volume.notes]
        _show_lines(self.notes, lines)

    def show_warnings(self, warnings: Sequence[str]) -> None:
        """Show what looks odd about the volume."""
        _show_lines(self.warnings, [amber(f"⚠ {text}") for text in warnings])


def size_text(volume: OCTVolume) -> str:
    """Number and size of the B-scans, and their type."""
    kind = {"uint8": "8 bit", "uint16": "16 bit", "float32": "32 bit float"}
    count = counted(volume.n_bscans, "B-scan")
    return (
        f"{count} of {volume.width} × {volume.depth} px (width × depth), "
        f"{kind[volume.data.dtype.name]}"
    )


def extent_text(volume: OCTVolume) -> str:
    """Width, distance from first to last B-scan, and depth in mm, where known."""
    spacing = volume.spacing
    parts = []
    if spacing.lateral is not None:
        parts.append(f"{volume.width * spacing.lateral / 1000:.1f} mm wide")
    if spacing.between_bscans is not None and volume.n_bscans > 1:
        height = (volume.n_bscans - 1) * spacing.between_bscans / 1000
        parts.append(f"{height:.1f} mm from first to last B-scan")
    if spacing.axial is not None:
        parts.append(f"{volume.depth * spacing.axial / 1000:.1f} mm deep")
    return ", ".join(parts) or "unknown without the spacing"


def _remarks() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.RichText)
    label.hide()
    return label


def _show_lines(label: QLabel, lines: list[str]) -> None:
    label.setText("<br>".join(lines))
    label.setVisible(bool(lines))
