from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from napari_octseg.errors import ReadError
from napari_octseg.io import read_volume
from napari_octseg.io.checks import sanity_warnings
from napari_octseg.volume import Origin

SPACING_MM_XYZ = (0.0115, 0.00387, 0.06)


def write(path, values, spacing=SPACING_MM_XYZ, compress=False):
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path), compress)


@pytest.mark.parametrize("name", ["a.mhd", "a.mha", "a.nii", "a.nii.gz", "a.nrrd"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_xyz_millimetres_become_our_micrometres(tmp_path, scan, name, dtype):
    values = scan.astype(dtype)
    write(tmp_path / name, values)

    volume = read_volume(tmp_path / name)

    assert volume.data.dtype == dtype
    assert np.array_equal(volume.data, values)
    assert volume.spacing_um == pytest.approx((60, 3.87, 11.5), abs=1e-4)
    assert set(volume.spacing.origins) == {Origin.FILE}


def test_swapped_spacing_is_noticed(tmp_path):
    values = np.zeros((3, 496, 512), np.uint8)
    write(tmp_path / "a.mhd", values, spacing=(0.06, 0.0115, 0.00387))
    warnings = sanity_warnings(read_volume(tmp_path / "a.mhd"))
    assert any("outside the range of Spectralis" in w for w in warnings)


def retouch(folder, scan, dtype=np.uint8):
    labels = (scan % 4).astype(np.uint8)
    write(folder / "oct.mhd", scan.astype(dtype))
    write(folder / "reference.mhd", labels)
    return labels


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("opened", ["", "oct.mhd"])
def test_retouch_comes_with_its_labels(tmp_path, scan, dtype, opened):
    labels = retouch(tmp_path, scan, dtype)

    volume = read_volume(tmp_path / opened)

    assert volume.data.dtype == dtype  # ushort is not stretched or divided
    assert np.array_equal(volume.data, scan)
    assert np.array_equal(volume.labels, labels)
    assert volume.label_set.names == ("background", "IRF", "SRF", "PED")


def test_a_reference_of_another_size_is_refused(tmp_path, scan):
    retouch(tmp_path, scan)
    write(tmp_path / "reference.mhd", scan[:2])
    with pytest.raises(ReadError, match="labels of shape"):
        read_volume(tmp_path)


def test_a_header_without_spacing_stays_unknown(tmp_path, scan):
    write(tmp_path / "a.mhd", scan)
    header = (tmp_path / "a.mhd").read_text().splitlines()
    kept = [line for line in header if not line.startswith("ElementSpacing")]
    (tmp_path / "a.mhd").write_text("\n".join(kept) + "\n")
    assert read_volume(tmp_path / "a.mhd").spacing_um == (None, None, None)


@pytest.mark.parametrize("name", ["a.mhd", "a.nii.gz", "a.nrrd"])
def test_one_millimetre_is_a_placeholder(tmp_path, scan, name):
    write(tmp_path / name, scan, spacing=(0.0115, 0.00387, 1))
    volume = read_volume(tmp_path / name)
    assert volume.spacing_um == pytest.approx((None, 3.87, 11.5), abs=1e-4)
    assert any("placeholder" in note for note in volume.notes)


def test_a_missing_raw_file_is_named(tmp_path, scan):
    write(tmp_path / "a.mhd", scan)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(ReadError, match=r"a\.raw, which is not beside it"):
        read_volume(tmp_path / "a.mhd")


def test_a_time_series_is_refused(tmp_path, scan):
    image = sitk.GetImageFromArray(np.stack([scan, scan]), isVector=False)
    sitk.WriteImage(image, tmp_path / "a.nii")
    with pytest.raises(ReadError, match="one volume"):
        read_volume(tmp_path / "a.nii")


@pytest.mark.parametrize(
    ("name", "cut", "compress"),
    [
        ("a.mhd", "a.raw", False),
        ("a.mhd", "a.zraw", True),
        ("a.mhd", "a.mhd", False),
        ("a.mha", "a.mha", False),
        ("a.mha", "a.mha", True),
        ("a.nii", "a.nii", False),
        ("a.nii.gz", "a.nii.gz", True),
        ("a.nrrd", "a.nrrd", False),
        ("a.nrrd", "a.nrrd", True),
    ],
)
def test_truncated_files_are_refused(
    tmp_path, scan, name, cut, compress, outcomes_of_truncation
):
    folder = tmp_path / "whole"
    folder.mkdir()
    write(folder / name, scan, compress=compress)
    outcomes = outcomes_of_truncation(folder / cut, scan, folder / name)
    assert outcomes["refused"] > 30
