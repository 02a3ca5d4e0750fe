from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.volume import OCTVolume, ScanPattern
from napari_octseg.widgets._scan_facts import ScanFacts, extent_text

pytestmark = pytest.mark.gui


def test_facts_are_told_in_words(qtbot):
    facts = ScanFacts()
    qtbot.addWidget(facts)
    volume = OCTVolume(
        np.zeros((49, 496, 512), np.uint8),
        spacing_um=(125.0, 3.87, 11.5),
        laterality="OS",
        scan_pattern=ScanPattern.RASTER,
        notes=("Something was <assumed>.",),
    )
    facts.show_volume(volume)
    facts.show_warnings(["The axes may be swapped."])
    assert facts.values["Eye"].text() == "left (OS)"
    assert facts.values["Device"].text() == "unknown"
    assert "49 B-scans of 512 × 496 px" in facts.values["Size"].text()
    assert "5.9 mm wide" in facts.values["Extent"].text()
    assert "6.0 mm from first to last" in facts.values["Extent"].text()
    assert "&lt;assumed&gt;" in facts.notes.text()
    assert "axes may be swapped" in facts.warnings.text()


def test_no_extent_without_spacing():
    assert "unknown" in extent_text(OCTVolume(np.zeros((2, 3, 4), np.uint8)))
