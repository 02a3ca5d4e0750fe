"""A scan is known by its content."""

from __future__ import annotations

import re

import dask.array as da
import numpy as np
import pytest

from napari_octseg.groundtruth import scan_hash as module
from napari_octseg.groundtruth.scan_hash import scan_hash, scan_name
from napari_octseg.volume import OCTVolume

SHAPE = (20, 6, 5)


def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 60_000, SHAPE).astype(np.uint16)


@pytest.fixture
def volume() -> OCTVolume:
    return OCTVolume(pixels(), source="somewhere.tif")


def test_a_moved_or_relabelled_scan_is_the_same(volume: OCTVolume) -> None:
    moved = OCTVolume(pixels(), source="elsewhere/x.tif", spacing_um=(1.0, 2.0, 3.0))
    assert scan_hash(volume) == scan_hash(moved)
    assert len(scan_hash(volume)) == 32


def test_memory_order_and_chunks_do_not_matter(volume: OCTVolume) -> None:
    data = pixels()
    same = [
        np.asfortranarray(data),
        data.astype(">u2"),
        np.repeat(data, 2, axis=2)[:, :, ::2],
        da.from_array(data, chunks=(7, 4, 5)),
    ]
    for one in same:
        assert scan_hash(OCTVolume(one)) == scan_hash(volume)


def test_any_pixel_shape_or_type_makes_another_scan(volume: OCTVolume) -> None:
    one_pixel = pixels()
    one_pixel[13, 2, 4] ^= 1
    others = [
        one_pixel,
        pixels()[::-1],
        pixels().reshape(20, 5, 6),
        pixels().reshape(10, 12, 5),
        pixels().astype(np.float32),
        pixels()[:-1],
    ]
    hashes = {scan_hash(OCTVolume(other)) for other in others}
    assert len(hashes) == len(others)
    assert scan_hash(volume) not in hashes


def test_of_large_scans_a_few_bscans_are_read(
    volume: OCTVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LARGE_BYTES", 1000)
    monkeypatch.setattr(module, "_N_SAMPLES", 3)
    read: list[int] = []

    def block(data: np.ndarray, block_info: dict | None = None) -> np.ndarray:
        if block_info:
            read.append(block_info[0]["chunk-location"][0])
        return data

    lazy = da.from_array(pixels(), chunks=(1, 6, 5)).map_blocks(block, dtype=np.uint16)
    assert scan_hash(OCTVolume(lazy)) == scan_hash(volume)
    assert sorted(set(read)) == [0, 9, 19]
    changed = pixels()
    changed[19] += 1
    assert scan_hash(OCTVolume(changed)) != scan_hash(volume)


def test_a_name_comes_from_the_content_alone(volume: OCTVolume) -> None:
    moved = OCTVolume(pixels(), source="Smith_John_OD.vol", device="Spectralis")
    assert scan_name(moved) == scan_name(volume)
    assert re.fullmatch(r"S-[0-9a-f]{8}", scan_name(volume))
    assert scan_name(OCTVolume(pixels() + 1)) != scan_name(volume)
