"""A small model, a small scan and a window to click in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg.volume import OCTVolume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari_octseg.bundles.registry import Bundle

TINY = "tiny-net"
TITLE = "Tiny net"


@pytest.fixture(autouse=True)
def no_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the recent files, choices and edits of whoever runs the tests out of it."""
    path = tmp_path / "state" / "recent.json"
    monkeypatch.setattr("napari_octseg.widgets._recent.recent_list_path", lambda: path)
    speeds = path.with_name("speeds.json")
    monkeypatch.setattr("napari_octseg.widgets._speed.speeds_path", lambda: speeds)
    choices = path.with_name("correct.json")
    monkeypatch.setattr("napari_octseg.widgets._kept.choices_path", lambda: choices)
    monkeypatch.setenv("OCTSEG_JOURNALS", str(tmp_path / "journals"))
    monkeypatch.setenv("OCTSEG_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "secrets"))
    return path


@pytest.fixture
def models(tiny_bundle: Callable[..., Bundle]) -> Path:
    """Folder with one usable and one broken bundle, and no others."""
    folder = tiny_bundle(TINY, title=TITLE, widths=(4, 4)).folder.parent
    (folder / "broken-net").mkdir()
    return folder


@pytest.fixture
def volume() -> OCTVolume:
    """Five small B-scans with a known spacing."""
    pixels = np.random.default_rng(0).integers(0, 255, (5, 32, 48), np.uint8)
    return OCTVolume(pixels, spacing_um=(120.0, 4.0, 10.0), source="eye.tif")


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[..., object]) -> Iterator[object]:
    """A real window, as plugins see it."""
    if os.name == "posix" and not os.environ.get("DISPLAY"):
        pytest.skip("no display: run under xvfb-run")
    yield make_napari_viewer_proxy(show=True)
