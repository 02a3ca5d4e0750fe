"""What a model cannot take is refused before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_octseg.engine.suitability import LEAST_BSCANS, check_suits
from napari_octseg.errors import ModelError, OctsegError, VolumeError
from napari_octseg.volume import OCTVolume, ScanPattern

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard
    from tests.conftest import MakeBundle

ONE = OCTVolume(np.zeros((8, 8), np.uint8))
MANY = OCTVolume(np.zeros((LEAST_BSCANS, 8, 8), np.uint8))


@pytest.fixture
def cards(tiny_bundle: MakeBundle) -> dict[str, ModelCard]:
    """A model for B-scans, one for projections, one for en-face images only."""
    vessel = {"classes": ("background", "vessel"), "layers": (), "plane": "enface"}
    made = (
        tiny_bundle("bscan"),
        tiny_bundle("fundus", projection="combined", **vessel),
        tiny_bundle("octa", **vessel),
    )
    return {b.name: b.card for b in made if b.card is not None}


@pytest.mark.parametrize(
    ("name", "volume", "is_enface", "reason"),
    [
        ("bscan", ONE, False, None),
        ("bscan", MANY, False, None),
        ("bscan", ONE, True, (ModelError, "is for B-scans")),
        ("fundus", MANY, False, None),
        ("fundus", ONE, True, None),
        ("octa", ONE, True, None),
        ("fundus", ONE, False, (VolumeError, "this one has one B-scan")),
        ("octa", MANY, False, (ModelError, "not projections")),
        ("octa", MANY, True, (VolumeError, "stack of 16 pictures")),
    ],
)
def test_a_scan_is_taken_or_refused_with_the_reason(
    cards: dict[str, ModelCard],
    name: str,
    volume: OCTVolume,
    is_enface: bool,
    reason: tuple[type[OctsegError], str] | None,
) -> None:
    if reason is None:
        check_suits(cards[name], volume, is_enface=is_enface)
        return
    with pytest.raises(reason[0], match=reason[1]):
        check_suits(cards[name], volume, is_enface=is_enface)


@pytest.mark.parametrize(
    "pattern", [ScanPattern.CIRCLE, ScanPattern.RADIAL, ScanPattern.LINE]
)
def test_only_rasters_are_mapped(
    cards: dict[str, ModelCard], pattern: ScanPattern
) -> None:
    volume = replace(MANY, scan_pattern=pattern)
    check_suits(cards["bscan"], volume)
    with pytest.raises(VolumeError, match=f"{pattern} scan"):
        check_suits(cards["fundus"], volume)
    check_suits(cards["fundus"], replace(MANY, scan_pattern=ScanPattern.UNKNOWN))
