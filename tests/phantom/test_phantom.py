"""What every phantom promises: same seed, same bits; exact truth; a device's look."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import label

from napari_octseg.boundaries import boundaries_to_labels, boundary_names
from napari_octseg.errors import VolumeError
from napari_octseg.phantom import (
    BOUNDARIES,
    FINDINGS,
    LAYER_BOUNDARIES,
    LAYER_SET,
    PhantomSettings,
    make_phantom,
    sample_data,
)
from napari_octseg.volume import Origin

SMALL = (3, 160, 128)


def bounding_heights(phantom):
    rows = [BOUNDARIES.index(name) for name in LAYER_BOUNDARIES]
    return phantom.boundaries.heights[rows]


def test_same_settings_give_the_same_bits():
    wanted = PhantomSettings(shape=SMALL, findings=("IRF", "CNVM"), seed=5)
    first, second = make_phantom(wanted), make_phantom(wanted)
    assert first.volume.data.tobytes() == second.volume.data.tobytes()
    assert first.layers.tobytes() == second.layers.tobytes()
    assert first.findings.tobytes() == second.findings.tobytes()
    assert first.vessels.tobytes() == second.vessels.tobytes()
    assert np.array_equal(
        first.boundaries.heights, second.boundaries.heights, equal_nan=True
    )


def test_every_seed_is_another_eye():
    eyes = [make_phantom(PhantomSettings(shape=SMALL, seed=seed)) for seed in range(4)]
    for k, eye in enumerate(eyes):
        for other in eyes[:k]:
            difference = eye.boundaries.heights - other.boundaries.heights
            assert np.abs(difference).mean() > 1
            assert not np.array_equal(eye.volume.data, other.volume.data)


def test_a_finding_leaves_the_vessels_and_the_rest_of_the_eye_alone():
    healthy = make_phantom(PhantomSettings(shape=SMALL, seed=3))
    sick = make_phantom(PhantomSettings(shape=SMALL, seed=3, findings=("drusen",)))
    assert np.array_equal(healthy.vessels, sick.vessels)
    assert np.array_equal(healthy.boundaries["BM"], sick.boundaries["BM"])
    assert not healthy.findings.any()


@settings(max_examples=25, deadline=None)
@given(
    look=st.sampled_from(["spectralis", "cirrus", "topcon"]),
    shape=st.tuples(st.integers(1, 4), st.integers(32, 200), st.integers(32, 140)),
    findings=st.lists(st.sampled_from(FINDINGS), unique=True).map(tuple),
    laterality=st.sampled_from(["OD", "OS"]),
    seed=st.integers(0, 2**32),
)
def test_truth_is_exact_and_ordered(look, shape, findings, laterality, seed):
    phantom = make_phantom(PhantomSettings(look, shape, findings, laterality, seed))
    assert phantom.volume.shape == shape
    assert phantom.volume.data.dtype == np.uint8
    assert phantom.layers.shape == phantom.findings.shape == shape
    assert phantom.layers.dtype == phantom.findings.dtype == np.uint8
    assert phantom.vessels.shape == (shape[0], shape[2])
    assert phantom.vessels.dtype == bool
    heights = phantom.boundaries.heights
    assert heights.dtype == np.float32
    assert heights.shape == (len(BOUNDARIES), shape[0], shape[2])
    assert np.nanmin(np.diff(heights, axis=0)) >= 0
    absent = np.isnan(heights).any(axis=(1, 2))
    assert set(np.array(BOUNDARIES)[absent]) <= {"ELM"}
    bounding = bounding_heights(phantom)
    assert np.nanmin(np.diff(bounding, axis=0)) >= 0
    assert np.array_equal(phantom.layers, boundaries_to_labels(bounding, shape[1]))
    assert phantom.findings.max() <= len(FINDINGS)


def test_names_are_those_of_the_boundaries_module():
    assert boundary_names(LAYER_SET.names[1:]) == LAYER_BOUNDARIES
    assert tuple(name for name in BOUNDARIES if name != "ELM") == LAYER_BOUNDARIES
    elm = BOUNDARIES.index("ELM")
    assert BOUNDARIES[elm - 1 : elm + 2] == ("OPL/ONL", "ELM", "ELM/EZ")


@pytest.mark.parametrize(
    ("look", "n_bscans", "axial_um", "lateral_um"),
    [
        ("spectralis", 49, 3.87, 11.6),
        ("cirrus", 128, 1.955, 11.74),
        ("topcon", 128, 3.5, 11.72),
    ],
)
def test_looks_have_the_spacing_of_their_device(look, n_bscans, axial_um, lateral_um):
    from napari_octseg.phantom.devices import DEVICES

    device = DEVICES[look]
    assert device.shape[0] == n_bscans
    _, depth, width = device.shape
    volume = make_phantom(PhantomSettings(look, (1, depth, width))).volume
    between, axial, lateral = volume.spacing_um
    assert axial == pytest.approx(axial_um, rel=0.01)
    assert lateral == pytest.approx(lateral_um, rel=0.01)
    assert between == device.spacing_um[0]
    assert volume.spacing.origins == (Origin.FILE,) * 3
    assert volume.boundaries is None
    assert "Phantom" in volume.device
    assert volume.positions.shape == (1, 2, 2)


def test_default_shape_is_the_device_own():
    assert make_phantom().volume.shape == (49, 496, 512)


def test_fewer_samples_cover_the_same_field():
    coarse = make_phantom(PhantomSettings(shape=(16, 124, 128))).volume
    between, axial, lateral = coarse.spacing_um
    assert between * 16 == pytest.approx(49 * 121)
    assert axial * 124 == pytest.approx(496 * 3.872)
    assert lateral * 128 == pytest.approx(512 * 11.6)


@pytest.mark.parametrize("seed", range(4))
def test_thicknesses_are_those_of_a_macula(seed):
    phantom = make_phantom(PhantomSettings(shape=(25, 496, 256), seed=seed))
    axial = phantom.volume.spacing_um[1]
    retina = (phantom.boundaries["BM"] - phantom.boundaries["ILM"]) * axial
    choroid = (phantom.boundaries["CSI"] - phantom.boundaries["BM"]) * axial
    assert 170 < retina.min() < 290
    assert 270 < np.percentile(retina, 90) < 420
    assert 80 < choroid.mean() < 520
    ganglion_cells = (
        phantom.boundaries["GCL/IPL"] - phantom.boundaries["RNFL/GCL"]
    ) * axial
    assert ganglion_cells.min() < 12  # gone in the foveola
    ilm = phantom.boundaries["ILM"]
    assert ilm.min() > 0
    assert phantom.boundaries["BM"].max() < 496


@pytest.mark.parametrize(
    ("laterality", "nasal"), [("OD", slice(200, 256)), ("OS", slice(0, 56))]
)
def test_nerve_fibres_are_thicker_on_the_nasal_side(laterality, nasal):
    settings_ = PhantomSettings(shape=(16, 124, 256), laterality=laterality, seed=2)
    phantom = make_phantom(settings_)
    rnfl = phantom.boundaries["RNFL/GCL"] - phantom.boundaries["ILM"]
    middle = rnfl[6:10]
    temporal = middle[:, ::-1][:, nasal]
    assert middle[:, nasal].mean() > 1.5 * temporal.mean()


@pytest.mark.parametrize("seed", range(4))
def test_vessels_are_one_tree_that_leaves_through_the_edge(seed):
    vessels = make_phantom(PhantomSettings(shape=(49, 62, 512), seed=seed)).vessels
    parts, n_parts = label(vessels, np.ones((3, 3)))
    at_edge = {*parts[0], *parts[-1], *parts[:, 0], *parts[:, -1]}
    assert set(range(1, n_parts + 1)) <= at_edge
    assert n_parts < 10
    assert 0.03 < vessels.mean() < 0.5


@pytest.mark.parametrize("look", ["spectralis", "cirrus", "topcon"])
def test_it_is_darker_below_vessels(look):
    phantom = make_phantom(PhantomSettings(look, (16, 248, 256), seed=1))
    rows = np.arange(248)[None, :, None]
    top, bottom = phantom.boundaries["ELM/EZ"], phantom.boundaries["BM"]
    below = (rows >= top[:, None]) & (rows < bottom[:, None])
    vessel = np.repeat(phantom.vessels[:, None], 248, axis=1)
    data = phantom.volume.data
    assert data[below & vessel].mean() < 0.97 * data[below & ~vessel].mean()


def test_layers_have_their_brightness():
    phantom = make_phantom(PhantomSettings(shape=(16, 496, 256), seed=4))
    mean = {
        name: phantom.volume.data[phantom.layers == k].mean()
        for k, name in enumerate(LAYER_SET.names)
    }
    assert mean["RPE"] > mean["IPL"] > mean["INL"] > mean["ONL"] > mean["background"]
    assert mean["EZ"] > mean["ONL"]
    assert mean["OPL"] > mean["INL"]


@pytest.mark.parametrize(
    ("look", "pattern", "rows"),
    [
        ("cirrus", "nr206_sample/images/*.png", 1024),
        ("topcon", "rasp_crbm/images_raw/Topcon_*.png", 650),
    ],
)
def test_histogram_is_that_of_real_bscans(look, pattern, rows, shared_data):
    quantiles = (5, 25, 50, 75, 90)
    real = [
        np.percentile(np.asarray(Image.open(path).convert("L")), quantiles)
        for path in sorted(shared_data.glob(pattern))
    ]
    if not real:
        pytest.skip(f"no real scans like {pattern}")
    made = [
        np.percentile(
            make_phantom(PhantomSettings(look, (1, rows, 512), seed=s)).volume.data,
            quantiles,
        )
        for s in range(6)
    ]
    assert np.abs(np.mean(made, axis=0) - np.mean(real, axis=0)).max() < 30
    assert np.abs(np.mean(made, axis=0) - np.mean(real, axis=0))[:3].max() < 10


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"findings": ("cyst",)}, "IRF, SRF, PED, drusen"),
        ({"findings": "IRF"}, "tuple"),
        ({"look": "heidelberg"}, "spectralis, cirrus, topcon"),
        ({"laterality": "left"}, "OS"),
        ({"shape": (0, 496, 512)}, "n_bscans"),
        ({"shape": (496, 512)}, "n_bscans"),
        ({"seed": -1}, "0 or more"),
    ],
)
def test_wrong_settings_name_what_is_allowed(wrong, named):
    with pytest.raises(VolumeError, match=named):
        PhantomSettings(**wrong)


def test_sample_data_is_an_image_layer_with_its_volume():
    ((data, attributes, kind),) = sample_data()
    volume = attributes["metadata"]["octseg"]["volume"]
    assert kind == "image"
    assert data is volume.data
    assert attributes["scale"] == volume.spacing_um
    assert data.shape[1:] == (496, 512)


def test_phantoms_need_neither_torch_nor_napari():
    code = (
        "import sys; from napari_octseg.phantom import *;"
        "make_phantom(PhantomSettings(shape=(1, 64, 64)));"
        "assert not {'torch', 'napari', 'qtpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
