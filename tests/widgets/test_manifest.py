from __future__ import annotations

from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_octseg
from napari_octseg.widgets.correct import CorrectWidget
from napari_octseg.widgets.finetune import FineTuneWidget
from napari_octseg.widgets.ground_truth import GroundTruthWidget
from napari_octseg.widgets.measure import MeasureWidget
from napari_octseg.widgets.scan import ScanWidget
from napari_octseg.widgets.segment import SegmentWidget
from napari_octseg.widgets.workbench import WorkbenchWidget

pytestmark = pytest.mark.gui
MANIFEST = Path(napari_octseg.__file__).with_name("napari.yaml")


@pytest.fixture
def manifest() -> PluginManifest:
    return PluginManifest.from_file(MANIFEST)


def test_everything_that_the_manifest_names_can_be_imported(manifest):
    manifest.validate_imports()


def test_the_workbench_and_its_panels_are_in_the_menus(manifest):
    widgets = manifest.contributions.widgets or []
    assert [widget.display_name for widget in widgets] == [
        "Workbench",
        "Scan",
        "Segment",
        "Correct",
        "Ground truth",
        "Fine-tune",
        "Measure",
    ]
    for menu in (
        "napari/layers/segment",
        "napari/layers/annotate",
        "napari/layers/measure",
    ):
        offered = {item.command for item in manifest.contributions.menus[menu]}
        assert offered <= {widget.command for widget in widgets}


@pytest.mark.parametrize(
    ("display_name", "kind"),
    [
        ("Workbench", WorkbenchWidget),
        ("Scan", ScanWidget),
        ("Segment", SegmentWidget),
        ("Correct", CorrectWidget),
        ("Ground truth", GroundTruthWidget),
        ("Fine-tune", FineTuneWidget),
        ("Measure", MeasureWidget),
    ],
)
def test_each_entry_docks_its_widget(
    npe2pm, viewer, models, manifest, display_name, kind
):
    with npe2pm.tmp_plugin(manifest=manifest):
        _, widget = viewer.window.add_plugin_dock_widget(manifest.name, display_name)
    assert isinstance(widget, kind)
