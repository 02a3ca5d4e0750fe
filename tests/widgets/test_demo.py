from __future__ import annotations

import csv

import pytest
import tifffile

from napari_octseg.errors import ModelError, TaskError
from napari_octseg.phantom import PhantomSettings
from napari_octseg.widgets import demo

pytestmark = pytest.mark.gui


@pytest.fixture
def window(make_napari_viewer, monkeypatch):
    """Let the demo use a window that the test closes, and a small sample."""
    import napari

    def small(title: str):
        return make_napari_viewer(title=title, show=True)

    monkeypatch.setattr(napari, "Viewer", small)
    sample = PhantomSettings(shape=(2, 64, 64))
    monkeypatch.setattr("napari_octseg.phantom.sample.SAMPLE", sample)


def test_the_demo_without_a_person_writes_what_it_made(window, models, tmp_path):
    demo.run_demo(out=tmp_path / "demo")
    written = {path.name for path in (tmp_path / "demo").iterdir()}
    assert written == {"screenshot.png", "labels.tif", "labels.eye", "areas.csv"}
    assert tifffile.imread(tmp_path / "demo" / "labels.tif").shape == (2, 64, 64)
    with (tmp_path / "demo" / "areas.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["class"] for row in rows} == {"RNFL", "GCIPL"}
    assert all(float(row["area_mm2"]) >= 0 for row in rows)


def test_the_demo_says_when_there_is_no_model(window, monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", str(tmp_path / "none"))
    monkeypatch.setattr(
        "napari_octseg.bundles.registry.models_dir", lambda: tmp_path / "none"
    )
    with pytest.raises(ModelError):
        demo.run_demo(out=tmp_path / "demo")


def test_a_demo_that_fails_in_the_middle_says_so(window, models, monkeypatch, tmp_path):
    from napari_octseg.engine.inference import iter_segment

    def failing(*args, **options):
        steps = iter_segment(*args, **options)
        progress = next(steps)
        while not progress.done:
            yield progress
            progress = next(steps)
        yield progress
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr("napari_octseg.engine.inference.iter_segment", failing)
    with pytest.raises(TaskError, match="out of memory"):
        demo.run_demo(out=tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
