"""Every finding is there, where anatomy puts it, and looks as it should."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octseg.phantom import FINDING_SET, FINDINGS, PhantomSettings, make_phantom

SHAPE = (1, 496, 256)

# Upper and lower boundary between which every pixel of a finding lies.
PLACE = {
    "IRF": ("ILM", "ELM"),
    "SRF": ("EZ/OS", "EZ/RPE"),
    "PED": ("EZ/RPE", "BM"),
    "drusen": ("EZ/RPE", "BM"),
    "RPD": ("ELM", "EZ/RPE"),
    "HF": ("ILM", "ELM"),
    "GA": ("BM", "CSI"),
    "FCE": ("ILM", "CSI"),
    "VMT": (None, "ILM"),
    "ERM": (None, "ILM"),
    "CNVM": ("EZ/RPE", "BM"),
    "SHRM": ("EZ/OS", "EZ/RPE"),
}


def phantom_with(finding, seed, shape=SHAPE):
    return make_phantom(PhantomSettings(shape=shape, findings=(finding,), seed=seed))


def rows_of(phantom):
    return np.arange(phantom.volume.depth)[None, :, None]


def test_every_finding_has_a_place():
    assert set(PLACE) == set(FINDINGS) == set(FINDING_SET.names[1:])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("finding", FINDINGS)
def test_finding_is_there_and_in_its_place(finding, seed):
    phantom = phantom_with(finding, seed)
    found = phantom.findings == FINDING_SET.index(finding)
    assert found.sum() >= 10
    assert set(np.unique(phantom.findings)) == {0, FINDING_SET.index(finding)}
    upper, lower = PLACE[finding]
    rows = rows_of(phantom)
    # Half a row: heights are sub-pixel, labels are whole rows.
    if upper is not None:
        top = phantom.boundaries[upper][:, None, :]
        assert (rows >= top - 0.5)[found].all()
    bottom = phantom.boundaries[lower][:, None, :]
    assert (rows <= bottom + 0.5)[found].all()


@pytest.mark.parametrize("finding", ["IRF", "SRF"])
def test_fluid_is_darker_than_the_retina(finding):
    phantom = phantom_with(finding, 2, (3, 496, 256))
    fluid = phantom.findings > 0
    retina = np.isin(phantom.layers, (1, 2, 3, 4, 5)) & ~fluid
    assert phantom.volume.data[fluid].mean() < 0.6 * phantom.volume.data[retina].mean()


@pytest.mark.parametrize("finding", ["HF", "ERM"])
def test_bright_findings_outshine_the_retina(finding):
    phantom = phantom_with(finding, 2, (3, 496, 256))
    bright = phantom.findings > 0
    retina = np.isin(phantom.layers, (2, 3, 4, 5)) & ~bright
    assert phantom.volume.data[bright].mean() > 1.2 * phantom.volume.data[retina].mean()


def test_choroid_shines_through_atrophy():
    phantom = phantom_with("GA", 1, (3, 496, 256))
    choroid = phantom.layers == 10
    lost = phantom.findings == FINDING_SET.index("GA")
    inside, outside = choroid & lost, choroid & ~lost & ~lost.any(axis=1)[:, None]
    data = phantom.volume.data
    assert data[inside].mean() > 1.25 * data[outside].mean()


def test_photoreceptors_and_rpe_are_gone_in_atrophy():
    phantom = phantom_with("GA", 1, (3, 496, 256))
    lost = np.isnan(phantom.boundaries["ELM"])
    assert lost.any()
    bm = phantom.boundaries["BM"]
    for name in ("ELM/EZ", "EZ/OS", "EZ/RPE"):
        assert np.abs(phantom.boundaries[name] - bm)[lost].max() < 1


@pytest.mark.parametrize("finding", ["SRF", "PED", "SHRM", "CNVM"])
def test_what_lifts_the_retina_raises_the_ilm(finding):
    healthy = make_phantom(PhantomSettings(shape=SHAPE, seed=1))
    sick = phantom_with(finding, 1)
    raised = healthy.boundaries["ILM"] - sick.boundaries["ILM"]
    assert raised.max() > 2


def test_excavation_sinks_bruchs_membrane():
    healthy = make_phantom(PhantomSettings(shape=SHAPE, seed=1))
    sick = phantom_with("FCE", 1)
    assert (sick.boundaries["BM"] - healthy.boundaries["BM"]).max() > 8


@pytest.mark.parametrize("seed", range(3))
def test_all_findings_together_keep_exact_order(seed):
    phantom = make_phantom(
        PhantomSettings(shape=(3, 248, 256), findings=FINDINGS, seed=seed)
    )
    assert np.nanmin(np.diff(phantom.boundaries.heights, axis=0)) >= 0
    assert len(np.unique(phantom.findings)) >= 8


def test_finding_in_a_volume_spans_neighbouring_bscans():
    phantom = phantom_with("SRF", 0, (16, 248, 256))
    holding = np.flatnonzero(phantom.findings.any(axis=(1, 2)))
    assert len(holding) >= 2
    assert np.array_equal(holding, np.arange(holding[0], holding[-1] + 1))
