"""Fundus reconstructions: vessels stand out, B-scans do not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import dask.array
import numpy as np
import pytest

from napari_octseg import OCTVolume, read_volume
from napari_octseg.boundaries import Boundaries
from napari_octseg.engine.progress import Progress
from napari_octseg.engine.projecting.projection import (
    iter_project,
    phantom_projection,
    project,
)
from napari_octseg.engine.projecting.slab import slab_mean
from napari_octseg.errors import LabelError, VolumeError
from napari_octseg.phantom import Phantom, PhantomSettings, make_phantom
from napari_octseg.volume import ScanPattern


@cache
def phantom(look: str = "spectralis", findings: tuple[str, ...] = ()) -> Phantom:
    settings = PhantomSettings(
        look=look,  # type: ignore[arg-type]
        shape=(40, 160, 192),
        seed=4,
        findings=findings,
    )
    return make_phantom(settings)


def chance_of_darker(image: np.ndarray, vessels: np.ndarray) -> float:
    """That a vessel pixel is darker than another one (area under the ROC curve)."""
    from scipy.stats import mannwhitneyu

    inside, outside = image[vessels], image[~vessels]
    count = mannwhitneyu(outside, inside).statistic
    return float(count / (inside.size * outside.size))


@pytest.mark.parametrize("findings", [(), ("IRF", "SRF", "drusen")])
def test_vessels_are_dark_in_outer_bright_in_inner_and_darkest_in_combined(
    findings: tuple[str, ...],
) -> None:
    made = phantom("spectralis", findings)
    chances = {
        kind: chance_of_darker(
            project(made.volume, made.boundaries, kind).image, made.vessels
        )
        for kind in ("outer", "inner", "combined")
    }
    assert chances["outer"] > 0.8
    assert chances["inner"] < 0.4
    assert chances["combined"] > chances["outer"]


@pytest.mark.parametrize("look", ["cirrus", "topcon"])
def test_vessels_are_dark_in_the_noise_of_every_look(look: str) -> None:
    made = phantom(look)
    image = project(made.volume, made.boundaries).image
    assert chance_of_darker(image, made.vessels) > 0.68


def test_a_vessel_is_darker_than_what_is_beside_it() -> None:
    from scipy.ndimage import binary_dilation

    made = phantom()
    image = project(made.volume, made.boundaries, "outer").image
    beside = binary_dilation(made.vessels, np.ones((1, 21))) & ~made.vessels
    spread = image[beside].std()
    assert image[made.vessels].mean() < image[beside].mean() - spread


def test_the_image_is_even_and_in_range() -> None:
    made = phantom()
    projection = project(made.volume, made.boundaries)
    assert projection.image.shape == (40, 192)
    assert projection.image.dtype == np.float32
    assert projection.image.min() == 0
    assert projection.image.max() == 1
    assert projection.valid.all()
    assert projection.kind == "combined"
    assert projection.notes == ()
    halves = np.array_split(projection.image, 2, axis=1)
    assert abs(np.median(halves[0]) - np.median(halves[1])) < 0.1


def test_the_gain_of_a_bscan_leaves_no_stripe() -> None:
    made = phantom()
    gains = np.random.default_rng(0).uniform(0.4, 1, 40)
    striped = made.volume.data.astype(np.float32) * gains[:, None, None]
    # uint8 keeps the gains: float pixels are scaled by their own brightest values.
    volume = replace(made.volume, data=striped.astype(np.uint8))
    plain = project(made.volume, made.boundaries, "outer").image
    image = project(volume, made.boundaries, "outer").image
    assert np.corrcoef(image.ravel(), plain.ravel())[0, 1] > 0.95
    assert np.abs(np.median(image, axis=1) - np.median(plain, axis=1)).max() < 0.1
    assert chance_of_darker(image, made.vessels) > 0.8


def test_a_vessel_along_a_bscan_is_not_taken_for_a_stripe() -> None:
    made = phantom()
    dark = made.volume.data.copy()
    vessel = (20, slice(None), slice(30, 80))
    dark[vessel] = (dark[vessel] * 0.5).astype(np.uint8)
    plain = project(made.volume, made.boundaries, "outer").image
    volume = replace(made.volume, data=dark)
    image = project(volume, made.boundaries, "outer").image
    change = image[20] - plain[20]
    assert change[30:80].mean() < -0.25
    assert abs(change[90:].mean()) < 0.1


def test_columns_without_layers_are_masked_and_change_nothing_else() -> None:
    made = phantom()
    heights = made.boundaries.heights.copy()
    heights[:, 5:9, :30] = np.nan
    heights[:, 39] = np.nan
    projection = project(made.volume, Boundaries(made.boundaries.names, heights))
    expected = np.ones((40, 192), bool)
    expected[5:9, :30] = False
    expected[39] = False
    assert np.array_equal(projection.valid, expected)
    assert np.isfinite(projection.image).all()
    gaps = projection.image[~expected]
    assert np.ptp(gaps) == 0
    assert 0.3 < gaps[0] < 0.9  # the grey of the background
    whole = project(made.volume, made.boundaries).image
    assert np.corrcoef(whole[expected], projection.image[expected])[0, 1] > 0.99


def test_boundaries_of_the_device_are_taken() -> None:
    made = phantom()
    volume = replace(made.volume, boundaries=made.boundaries)
    assert np.array_equal(
        project(volume).image, project(made.volume, made.boundaries).image
    )


def test_a_lazy_volume_is_loaded_one_bscan_at_a_time() -> None:
    made = phantom()
    loaded: list[int] = []

    def load(block_id: tuple[int, ...] = (0, 0, 0)) -> np.ndarray:
        loaded.append(block_id[0])
        return made.volume.data[block_id[0]][None]

    data = dask.array.map_blocks(
        load, chunks=((1,) * 40, 160, 192), dtype=np.uint8, meta=np.empty((0, 0, 0))
    ).astype(np.uint8)
    volume = replace(made.volume, data=data)
    loaded.clear()
    steps: list[Progress] = []
    for step in iter_project(volume, made.boundaries):
        steps.append(step)
        assert len(loaded) == step.done
    assert sorted(loaded) == list(range(40))
    assert (steps[-1].done, steps[-1].total) == (40, 40)


@pytest.mark.parametrize("pattern", ["circle", "radial", "line"])
def test_only_raster_scans_have_a_projection(pattern: str) -> None:
    made = phantom()
    volume = replace(made.volume, scan_pattern=ScanPattern(pattern))
    with pytest.raises(VolumeError, match=rf"{pattern} scan.*raster"):
        project(volume, made.boundaries)


def test_what_is_not_known_is_said() -> None:
    made = phantom()
    volume = OCTVolume(made.volume.data)
    projection = project(volume, made.boundaries)
    assert "pattern is not known" in projection.notes[0]
    assert "square" in projection.notes[1]
    assert projection.grid.size == (192, 192)
    assert projection.as_volume().spacing_um == (None, None, None)


def test_the_isotropic_image_knows_its_spacing() -> None:
    made = phantom()
    projection = project(made.volume, made.boundaries)
    between, _, lateral = made.volume.spacing_um
    assert between is not None and lateral is not None
    step = min(between, lateral)
    assert projection.grid.size[0] == round(40 * between / step)
    volume = projection.as_volume()
    assert volume.spacing_um == (None, step, step)
    assert volume.bscan(0).shape == projection.isotropic().shape == projection.grid.size


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ("none", VolumeError, "came with none"),
        ("shape", VolumeError, r"shape \(39, 192\)"),
        ("names", LabelError, "do not enclose the outer slab"),
        ("nan", VolumeError, "not known on any A-scan"),
    ],
)
def test_boundaries_that_do_not_do_are_refused(
    change: str, error: type[Exception], message: str
) -> None:
    made = phantom()
    names, heights = made.boundaries.names, made.boundaries.heights
    given = {
        "none": None,
        "shape": Boundaries(names, heights[:, :39]),
        "names": Boundaries(("ILM", "CSI"), heights[[0, -1]]),
        "nan": Boundaries(names, np.full_like(heights, np.nan)),
    }[change]
    with pytest.raises(error, match=message):
        project(made.volume, given)


def test_an_unknown_kind_is_told_the_known_ones() -> None:
    made = phantom()
    with pytest.raises(VolumeError, match="outer, inner, combined"):
        project(made.volume, made.boundaries, "upper")  # type: ignore[arg-type]


def test_an_image_without_any_contrast_is_grey() -> None:
    made = phantom()
    volume = OCTVolume(np.full((40, 160, 192), 90, np.uint8))
    image = project(volume, made.boundaries).image
    assert np.ptp(image) == 0


def test_a_phantom_gives_training_images_with_their_vessels() -> None:
    image, vessels = phantom_projection(phantom())
    assert image.dtype == np.float32
    assert vessels.dtype == bool
    assert (
        image.shape
        == vessels.shape
        == project(phantom().volume, phantom().boundaries).grid.size
    )
    assert abs(vessels.mean() - phantom().vessels.mean()) < 0.03
    assert chance_of_darker(image, vessels) > 0.8


def test_the_stripes_of_a_real_volume_go(shared_data: Path) -> None:
    from scipy.ndimage import gaussian_filter

    volume = read_volume(shared_data / "duke_dme_volumes" / "subject_02.tif")
    tissue = np.where(volume.data == 255, 0, volume.data).astype(np.float32)
    # The RPE is the brightest band: near enough for a look at the stripes.
    ridge = np.stack(
        [gaussian_filter(bscan, (3, 20)).argmax(axis=0) for bscan in tissue]
    )
    edges = np.stack([ridge - 12, ridge + 8]).astype(np.float32)
    projection = project(volume, Boundaries(("ELM/EZ", "BM"), edges), "outer")
    raw = np.stack(
        [slab_mean(volume.bscan_as_shown(i), *edges[:, i]) for i in range(61)]
    )

    def stripes(image: np.ndarray) -> float:
        """How far B-scans differ from the mean of their neighbours."""
        middle = image[4:-4, 150:600]
        steps = middle[1:-1] - (middle[:-2] + middle[2:]) / 2
        within = np.abs(middle - np.median(middle, axis=1, keepdims=True))
        return float(np.abs(np.median(steps, axis=1)).mean() / np.median(within))

    assert stripes(projection.image) < stripes(raw) / 2
