from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

from napari_octseg.engine.data.labelled_images import (
    Labelled,
    read_labelled,
    white_wedges,
)
from napari_octseg.engine.data.source import Source
from napari_octseg.engine.data.split import list_source
from napari_octseg.errors import RecipeError

CODES = {"0": ["background"], "255": ["vessel"]}


def write(root: Path, folder: str, name: str, pixels: np.ndarray) -> None:
    (root / folder).mkdir(exist_ok=True)
    iio.imwrite(root / folder / name, pixels)


def read(root: Path, **values: Any) -> list[Labelled]:
    source = Source.model_validate({"name": "x", "codes": CODES, **values})
    return list(read_labelled(source, list_source(source, root), root))


@pytest.fixture
def fundus(tmp_path: Path) -> Path:
    """Colour images 01 and 02, their vessels (0 / 255) and fields of view."""
    rgb = np.zeros((6, 8, 3), np.uint8)
    rgb[..., 0], rgb[..., 1], rgb[..., 2] = 10, 20, 30
    vessels = np.zeros((6, 8), np.uint8)
    vessels[:, 3] = 255
    field = np.full((6, 8), 255, np.uint8)
    field[0] = 0
    for number in ("01", "02"):
        write(tmp_path, "images", f"{number}_training.png", rgb)
        write(tmp_path, "manual", f"{number}_manual1.png", vessels)
        write(tmp_path, "mask", f"{number}_training_mask.png", field)
    return tmp_path


FUNDUS = {"labels": "manual/{number}_manual1.png", "mask": "mask/{stem}_mask.png"}


def test_labels_and_field_of_view_are_found_by_number_and_name(fundus: Path) -> None:
    scans = read(fundus, **FUNDUS)
    assert [scan.name for scan in scans] == ["01_training", "02_training"]
    assert (scans[0].labels[:, 3] == 255).all()
    assert scans[0].hidden[0].all()
    assert not scans[0].hidden[1:].any()


@pytest.mark.parametrize(
    ("values", "grey"),
    [
        ({"channel": "green"}, 20),
        ({"channel": "blue"}, 30),
        ({"channel": "red", "invert": True}, 245),
        ({}, 18),  # luminance
    ],
)
def test_a_channel_of_a_colour_image_is_read(
    fundus: Path, values: dict[str, object], grey: int
) -> None:
    scan = read(fundus, **FUNDUS, **values)[0]
    assert (scan.volume.bscan(0) == grey).all()


def test_known_spacing_is_kept(fundus: Path) -> None:
    scan = read(fundus, **FUNDUS, spacing_um=[3.9, 11.5])[0]
    assert scan.volume.spacing_um == (None, 3.9, 11.5)


def test_a_grey_picture_has_no_green(fundus: Path) -> None:
    with pytest.raises(RecipeError, match="no green channel"):
        read(fundus, **FUNDUS, images="manual/*", channel="green")


def test_a_stack_of_planes_is_no_colour_picture(fundus: Path) -> None:
    (fundus / "images" / "01_training.png").unlink()
    planes = np.zeros((3, 6, 8), np.uint8)
    write(fundus, "images", "01_training.tif", planes)
    with pytest.raises(RecipeError, match=r"no green.*\(3, 6, 8\)"):
        read(fundus, **FUNDUS, channel="green")


def test_labels_of_another_size_are_refused(fundus: Path) -> None:
    write(fundus, "manual", "02_manual1.png", np.zeros((6, 9), np.uint8))
    with pytest.raises(RecipeError, match="02_manual1"):
        read(fundus, **FUNDUS)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """B-scans 8, 9, 10 of one volume, 12 of the same, 13 of another."""
    for name in ("V1_8", "V1_9", "V1_10", "V1_12", "V2_13"):
        grey = np.full((5, 6), int(name.split("_")[1]), np.uint8)
        write(tmp_path, "images", f"{name}.png", grey)
        write(tmp_path, "labels", f"{name}.png", grey)
    return tmp_path


def test_neighbouring_bscans_make_a_volume(stack: Path) -> None:
    scans = read(stack, neighbours=True)
    assert [s.volume.n_bscans for s in scans] == [3, 3, 3, 1, 1]
    for scan in scans:
        assert (scan.volume.bscan(scan.index) == scan.labels).all()
    assert scans[1].volume.bscan(2)[0, 0] == 10


def test_otherwise_each_picture_is_a_scan_of_its_own(stack: Path) -> None:
    assert [s.volume.n_bscans for s in read(stack)] == [1] * 5


def test_neighbours_of_different_sizes_are_refused(stack: Path) -> None:
    grey = np.zeros((5, 7), np.uint8)
    write(stack, "images", "V1_9.png", grey)
    write(stack, "labels", "V1_9.png", grey)
    with pytest.raises(RecipeError, match="V1_8 to V1_10 differ in size"):
        read(stack, neighbours=True)


def test_white_at_the_edge_is_a_wedge_and_white_within_is_tissue() -> None:
    image = np.full((60, 80), 0.4, np.float32)
    image[:15] = 1
    image[30:40, 30:40] = 1
    image[59, 70] = 1  # one bright pixel is no wedge
    found = white_wedges(image)
    assert found[:15].all()
    assert not found[17:].any()


def test_white_wedges_do_not_count(tmp_path: Path) -> None:
    grey = np.full((40, 40), 90, np.uint8)
    grey[:10] = 255
    write(tmp_path, "images", "a.png", grey)
    write(tmp_path, "labels", "a.png", np.zeros_like(grey))
    assert not read(tmp_path)[0].hidden.any()
    assert read(tmp_path, ignore_white=True)[0].hidden[:10].all()
