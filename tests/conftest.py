"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real, labelled scans; it is never part of the product."""
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("OCTSEG_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real scans are not here ({folder}); set OCTSEG_DATA to run this")
    return folder
