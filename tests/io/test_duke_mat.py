from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from napari_octseg.errors import ReadError
from napari_octseg.io import read_volume
from napari_octseg.labels import IGNORE

N, DEPTH, WIDTH = 4, 24, 18
ROWS = (2, 5, 8, 10, 12, 15, 17, 20)  # as MATLAB counts them, from 1


def duke(scan):
    """The DME layout: B-scan 1 graded in columns 4 to 14, the others not."""
    layers = np.full((8, WIDTH, N), np.nan)
    layers[:, 4:15, 1] = np.array(ROWS)[:, None]
    fluid = np.full((DEPTH, WIDTH, N), np.nan)
    fluid[..., 1] = 0
    fluid[8:10, 6:9, 1] = 3  # pockets are numbered
    return {
        "images": np.moveaxis(scan, 0, -1).astype(float),
        "manualLayers1": layers,
        "manualFluid1": fluid,
        "manualLayers2": np.zeros_like(layers),
    }


def save_v73(path, content):
    """MATLAB 7.3: HDF5 behind a header of 512 bytes, axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for key, value in content.items():
            file[key] = value.T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")


SAVERS = {"v5": lambda p, c: savemat(p, c, do_compression=True), "v7.3": save_v73}


@pytest.mark.parametrize("version", SAVERS)
def test_the_dme_layout_is_read_with_labels(tmp_path, scan, version):
    path = tmp_path / "Subject_01.mat"
    SAVERS[version](path, duke(scan))

    volume = read_volume(path)

    assert np.array_equal(volume.data, scan)
    assert volume.spacing_um == (None, None, None)
    assert volume.boundaries.names[0] == "ILM"
    assert volume.boundaries.names[-1] == "BM"
    column = volume.labels[1, :, 10]
    assert column.tolist() == (
        [0]
        + [1] * 3
        + [2] * 3
        + [3] * 2
        + [4] * 2
        + [5] * 3
        + [6] * 2
        + [7] * 3
        + [0] * 5
    )
    assert volume.label_set.names[8] == "fluid"
    assert (volume.labels[1, 8:10, 6:9] == 8).all()


@pytest.mark.parametrize("version", SAVERS)
def test_what_was_not_graded_is_ignored(tmp_path, scan, version):
    path = tmp_path / "Subject_01.mat"
    SAVERS[version](path, duke(scan))
    volume = read_volume(path)
    assert (volume.labels[[0, 2, 3]] == IGNORE).all()
    assert (volume.labels[1, :, :4] == IGNORE).all()
    assert np.isnan(volume.boundaries.heights[:, 0]).all()


def test_classes_that_the_file_does_not_grade_are_none_of_its_classes(tmp_path, scan):
    content = duke(scan)
    fluid = {key: content[key] for key in ("images", "manualFluid1")}
    savemat(tmp_path / "fluid.mat", fluid)
    del content["manualFluid1"]
    savemat(tmp_path / "layers.mat", content)

    volume = read_volume(tmp_path / "fluid.mat")
    assert volume.label_set.names == ("background", "fluid")
    assert set(np.unique(volume.labels)) == {0, 1, IGNORE}
    assert "fluid" not in read_volume(tmp_path / "layers.mat").label_set.names


def test_images_alone_are_a_volume(tmp_path, scan):
    savemat(tmp_path / "a.mat", {"images": np.moveaxis(scan, 0, -1)})
    volume = read_volume(tmp_path / "a.mat")
    assert np.array_equal(volume.data, scan)
    assert volume.labels is None
    assert volume.boundaries is None


def test_the_amd_layout_is_read_with_its_three_surfaces(tmp_path, scan):
    maps = np.full((N, WIDTH, 3), np.nan)
    maps[..., 0], maps[2, :, 1], maps[..., 2] = 4, 15, 18
    savemat(tmp_path / "a.mat", {"images": np.moveaxis(scan, 0, -1), "layerMaps": maps})
    boundaries = read_volume(tmp_path / "a.mat").boundaries
    assert boundaries.names == ("ILM", "EZ/RPE", "BM")
    assert (boundaries["ILM"] == 3).all()
    assert np.isnan(boundaries["EZ/RPE"][0]).all()


def test_other_matlab_files_are_refused(tmp_path):
    savemat(tmp_path / "a.mat", {"x": np.zeros(3)})
    with pytest.raises(ReadError, match="no array 'images'"):
        read_volume(tmp_path / "a.mat")


def test_layers_of_another_width_are_refused(tmp_path, scan):
    content = duke(scan)
    content["manualLayers1"] = content["manualLayers1"][:, 1:]
    savemat(tmp_path / "a.mat", content)
    with pytest.raises(ReadError, match="manualLayers1 of shape"):
        read_volume(tmp_path / "a.mat")


@pytest.mark.parametrize("version", SAVERS)
def test_a_truncated_mat_is_refused(tmp_path, scan, version, outcomes_of_truncation):
    folder = tmp_path / "whole"
    folder.mkdir()
    SAVERS[version](folder / "a.mat", {"images": np.moveaxis(scan, 0, -1)})
    assert outcomes_of_truncation(folder / "a.mat", scan)["refused"] > 20
