"""The retina found without a network."""

from __future__ import annotations

import time
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from skimage.transform import resize

from napari_octseg.engine.steps.retina_mask import retina_mask, structure
from napari_octseg.phantom import LAYER_SET, Look, PhantomSettings, make_phantom

SHAPES: dict[Look, tuple[int, int, int]] = {
    "spectralis": (1, 496, 512),
    "cirrus": (1, 1024, 512),
    "topcon": (1, 885, 512),
}


@pytest.mark.parametrize("look", SHAPES)
@pytest.mark.parametrize("findings", [(), ("SRF", "VMT"), ("IRF", "PED", "GA")])
def test_the_retina_stays_and_most_of_the_rest_goes(
    look: Look, findings: tuple[str, ...]
) -> None:
    phantom = make_phantom(
        PhantomSettings(look=look, shape=SHAPES[look], findings=findings, seed=7)
    )
    choroid = phantom.layers[0] == LAYER_SET.index("choroid")
    retina = (phantom.layers[0] > 0) & ~choroid
    kept = retina_mask(phantom.volume.bscan_as_shown(0))
    assert kept[retina].mean() >= 0.99
    assert kept[~retina & ~choroid].mean() < 0.2


def test_it_takes_less_than_a_second() -> None:
    phantom = make_phantom(PhantomSettings(look="cirrus", shape=(1, 1024, 512)))
    image = phantom.volume.bscan_as_shown(0)
    retina_mask(image)  # imports what it needs
    spent = []
    for _ in range(3):
        started = time.process_time()
        retina_mask(image)
        spent.append(time.process_time() - started)
    assert min(spent) < 1


def test_a_linear_change_of_the_grey_values_changes_nothing() -> None:
    phantom = make_phantom(PhantomSettings(shape=(1, 240, 256)))
    image = phantom.volume.bscan_as_shown(0)
    assert (retina_mask(image) != retina_mask(image * 3 - 1)).mean() < 1e-3


def test_the_vitreous_stays_where_it_is_asked_for() -> None:
    phantom = make_phantom(PhantomSettings(shape=(1, 240, 256)))
    image = phantom.volume.bscan_as_shown(0)
    with_vitreous = retina_mask(image, keep_vitreous=True)
    assert with_vitreous[0].all()
    assert not retina_mask(image)[0].any()
    assert np.array_equal(with_vitreous[-60:], retina_mask(image)[-60:])


def test_white_wedges_are_no_retina() -> None:
    phantom = make_phantom(PhantomSettings(shape=(1, 240, 256), seed=2))
    image = phantom.volume.bscan_as_shown(0).copy()
    plain = retina_mask(image)
    image[:20] = 1
    image[-20:] = 1
    wedged = retina_mask(image)
    assert not wedged[:20].any()
    assert not wedged[-20:].any()
    retina = phantom.layers[0] > 0
    assert wedged[retina & plain].mean() > 0.99


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_without_a_retina_all_is_kept(value: float) -> None:
    assert retina_mask(np.full((50, 60), value, np.float32)).all()


def test_structure_is_vertical_change() -> None:
    rows = np.zeros((40, 40), np.float32)
    rows[20:] = 1
    across = structure(rows)
    assert across[20, 20] > 10 * across[5, 20]
    assert structure(rows.T).max() < 1e-3


def test_real_scans_keep_what_experts_labelled(shared_data: Path) -> None:
    folder = shared_data / "rasp_crbm"
    kept, n_rest, n_kept_rest = [], 0, 0
    for path in sorted((folder / "images_480x360").glob("*.png")):
        image = iio.imread(path)
        image = image if image.ndim == 2 else image[..., 0]
        codes = iio.imread(folder / "labels_480x360" / path.name)
        mask = retina_mask(image.astype(np.float32) / 255)
        tissue = (codes > 1) & (codes != 10)  # 10: membranes in the vitreous
        kept.append(mask[tissue].mean())
        n_rest += int((codes == 1).sum())
        n_kept_rest += int(mask[codes == 1].sum())
    assert np.median(kept) > 0.99
    assert min(kept) > 0.94
    assert n_kept_rest < 0.25 * n_rest


def test_size_does_not_matter() -> None:
    phantom = make_phantom(PhantomSettings(shape=(1, 496, 512), seed=4))
    image = phantom.volume.bscan_as_shown(0)
    large = resize(image, (992, 1024)).astype(np.float32)
    assert (retina_mask(large)[::2, ::2] != retina_mask(image)).mean() < 0.03


def test_a_scan_that_was_cropped_to_the_retina_is_kept() -> None:
    phantom = make_phantom(PhantomSettings(shape=(1, 496, 512), seed=4))
    retina = phantom.layers[0] > 0
    rows = np.flatnonzero(retina.any(axis=1))
    crop = slice(rows[0] - 15, rows[-1] + 16)
    kept = retina_mask(phantom.volume.bscan_as_shown(0)[crop])
    assert crop.stop - crop.start < 300
    assert kept[retina[crop]].mean() > 0.99


def test_a_taut_curve_keeps_fluid_above_an_epithelium_that_is_dim() -> None:
    phantom = make_phantom(PhantomSettings(look="spectralis", shape=(1, 496, 512)))
    image = phantom.volume.bscan_as_shown(0).copy()
    layers = phantom.layers[0]
    retina = (layers > 0) & (layers != LAYER_SET.index("choroid"))
    # Below the inner layers nothing is seen in these columns.
    inner = [LAYER_SET.index(name) for name in ("RNFL", "GCL", "IPL")]
    row = np.arange(len(image))[:, None]
    dim = row > np.where(np.isin(layers, inner), row, -1).max(axis=0)
    dim[:, :150] = dim[:, 360:] = False
    image[dim] = np.percentile(image, 5)
    loose, taut = retina_mask(image), retina_mask(image, taut=True)
    assert loose[retina & dim].mean() < 0.8
    assert taut[retina & dim].mean() > 0.98
    assert (taut >= loose).all()
    assert not taut[-60:].any()
