"""RASP-Net's table of sizes and shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter
from skimage.morphology import disk

from napari_octseg.engine.steps.raspnet_cleaning import (
    PRIORITY,
    RULES,
    Rule,
    Shape,
    clean_biomarkers,
    dilated,
    eroded,
    line,
)

NAMES = (
    *("background", "H", "IRF", "SRF", "PED", "RPD"),
    *("HF", "GA", "FCE", "VMT", "ERM", "CNVM"),
)
ONE = (1.0, 1.0)


def code(name: str) -> int:
    return NAMES.index(name)


def scan(height: int = 360, width: int = 480) -> np.ndarray:
    """Background with a band of H in the middle third."""
    labels = np.zeros((height, width), np.uint8)
    labels[height // 3 : 2 * height // 3] = code("H")
    return labels


def test_every_published_class_has_a_row_and_a_rank() -> None:
    assert {rule.name for rule in RULES} == set(NAMES[2:]) == set(PRIORITY)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_small_spots_go_and_large_ones_stay(rule: Rule) -> None:
    labels = scan()
    labels[150:200, 100:170] = code(rule.name)
    labels[150:153, 300:303] = code(rule.name)  # 9 px: less than any row allows
    cleaned = clean_biomarkers(labels, NAMES)
    assert (cleaned[165:185, 120:150] == code(rule.name)).all()
    assert (cleaned[145:160, 295:310] == code("H")).all()


def test_background_and_healthy_tissue_are_passed_through() -> None:
    labels = scan()
    labels[5, 5] = code("H")
    assert np.array_equal(clean_biomarkers(labels, NAMES), labels)


def test_pixels_that_fell_off_take_the_nearest_label() -> None:
    labels = scan()
    labels[150:155, 100:105] = code("SRF")  # 25 px of 30
    labels[118:124, 200:206] = code("SRF")  # 36 px: it stays, but for its corners
    cleaned = clean_biomarkers(labels, NAMES)
    assert (cleaned[150:155, 100:105] == code("H")).all()
    assert cleaned[121, 203] == code("SRF")
    assert cleaned[117, 203] == code("background")


def test_what_grows_onto_another_leaves_no_undefined_pixel() -> None:
    # The published clean-up adds masks: where a grown one meets another, codes add up.
    labels = scan()
    row, column = np.indices(labels.shape)
    here = (row > 150) & (row < 220)
    labels[here & (row + column >= 300) & (row + column <= 320)] = code("HF")
    labels[here & (row + column >= 321) & (row + column <= 345)] = code("RPD")
    cleaned = clean_biomarkers(labels, NAMES)
    assert set(np.unique(cleaned)) == set(np.unique(labels))
    middle = np.arange(165, 205)  # away from the ends of the two bands
    assert (cleaned[middle, 346 - middle] == code("RPD")).all()  # grown by one px
    assert (cleaned[middle, 321 - middle] == code("RPD")).all()
    assert (cleaned[middle, 320 - middle] == code("HF")).all()  # its own, not RPD's


@pytest.mark.parametrize("first", ["IRF", "SRF"])
def test_the_order_of_priority_decides_who_gets_a_contested_pixel(
    first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow = (("dilate", Shape("disk", 3)),)
    rules = tuple(Rule(name, 1, grow, 1, 0.5) for name in ("IRF", "SRF"))
    monkeypatch.setattr("napari_octseg.engine.steps.raspnet_cleaning.RULES", rules)
    labels = scan()
    labels[150:180, 100:130] = code("IRF")
    labels[150:180, 134:160] = code("SRF")  # four columns of H between them
    order = (first, *(n for n in PRIORITY if n != first))
    cleaned = clean_biomarkers(labels, NAMES, priority=order)
    mine = {"IRF": [code("IRF")] * 3 + [code("SRF")], "SRF": [code("IRF")]}
    mine["SRF"] += [code("SRF")] * 3
    assert cleaned[165, 130:134].tolist() == mine[first]


def random_labels(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Blobs of all classes at once."""
    random = np.random.default_rng(seed)
    noise = random.standard_normal((len(NAMES), *shape))
    smooth = np.stack([gaussian_filter(one, random.uniform(1, 6)) for one in noise])
    smooth /= smooth.std(axis=(1, 2), keepdims=True)
    return smooth.argmax(0).astype(np.uint8)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from([(60, 80), (90, 50), (33, 47), (9, 7)])
)
def test_every_pixel_ends_as_a_class_that_was_there(
    seed: int, shape: tuple[int, int]
) -> None:
    labels = random_labels(seed, shape)
    undefined = labels.copy()
    undefined[np.random.default_rng(seed).random(shape) < 0.05] = 200
    for given_labels in (labels, undefined):
        cleaned = clean_biomarkers(given_labels, NAMES)
        assert cleaned.dtype == np.uint8
        assert cleaned.shape == shape
        assert set(np.unique(cleaned)) <= set(np.unique(labels)) | {0}


def test_without_anything_that_stays_all_is_background() -> None:
    labels = np.full((20, 30), 77, np.uint8)
    assert not clean_biomarkers(labels, NAMES).any()


def test_it_works_alike_at_half_the_size() -> None:
    half = random_labels(3, (180, 240))
    whole = clean_biomarkers(half.repeat(2, 0).repeat(2, 1), NAMES)
    agreement = clean_biomarkers(half, NAMES) == whole[::2, ::2]
    assert agreement.mean() > 0.9
    # Without scaling, most of it would be too small for the table.
    assert agreement.mean() > (half == whole[::2, ::2]).mean()


def test_models_with_other_classes_keep_those() -> None:
    names = ("background", "drusen", "IRF")
    labels = np.zeros((360, 480), np.uint8)
    labels[10, 10] = 1
    labels[50:53, 50:53] = 2
    cleaned = clean_biomarkers(labels, names)
    assert cleaned[10, 10] == 1
    assert not (cleaned == 2).any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_disks_by_distance_are_disks(seed: int, radius: int) -> None:
    mask = np.random.default_rng(seed).random((20, 24)) < 0.5
    shape, footprint = Shape("disk", radius), disk(radius)
    assert np.array_equal(dilated(mask, shape, ONE), binary_dilation(mask, footprint))
    eaten = binary_erosion(mask, footprint, border_value=1)
    assert np.array_equal(eroded(mask, shape, ONE), eaten)


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [(Shape("vertical", 3), 3), (Shape("rising", 5), 3), (Shape("rising", 10), 7)],
)
def test_lines_have_the_published_length(shape: Shape, pixels: int) -> None:
    footprint = line(shape, ONE)
    assert footprint.sum() == pixels
    if shape.kind == "rising":
        assert np.array_equal(footprint, np.eye(pixels, dtype=bool)[::-1])
    else:
        assert footprint.shape == (pixels, 1)


def test_lines_are_scaled_along_both_axes() -> None:
    assert line(Shape("vertical", 3), (4.0, 1.0)).shape == (9, 1)
    assert line(Shape("rising", 5), (2.0, 1.0)).shape == (7, 3)
