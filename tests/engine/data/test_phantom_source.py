from typing import Any

import numpy as np
import pytest

from napari_octseg.bundles.card import Input
from napari_octseg.engine.data.labelled_images import Labelled
from napari_octseg.engine.data.phantom_source import (
    HEALTHY,
    UNSURE,
    VESSEL,
    labels_of,
    make_labelled,
)
from napari_octseg.engine.data.source import Source
from napari_octseg.engine.data.split import list_source
from napari_octseg.errors import RecipeError
from napari_octseg.phantom import (
    FINDING_SET,
    LAYER_SET,
    PhantomSettings,
    make_phantom,
)


def make(plane: str = "bscan", **values: Any) -> list[Labelled]:
    codes = {"0": ["background"]}
    source = Source.model_validate(
        {"name": "x", "kind": "phantom", "n_phantoms": 1, "codes": codes, **values}
    )
    entries = list_source(source, root=None)  # type: ignore[arg-type]
    return list(
        make_labelled(source, entries, 0, Input.model_validate({"plane": plane}))
    )


def test_findings_lie_on_healthy_tissue_down_to_the_middle_of_the_choroid() -> None:
    settings = PhantomSettings(shape=(1, 248, 128), findings=("SRF", "drusen"), seed=5)
    phantom = make_phantom(settings)
    labels = labels_of(phantom, 0, "biomarkers")
    layers, findings = phantom.layers[0], phantom.findings[0]
    assert np.array_equal(labels[findings > 0], findings[findings > 0])
    plain = findings == 0
    choroid = layers == LAYER_SET.index("choroid")
    retina = (layers > 0) & ~choroid
    assert (labels[plain & retina] == HEALTHY).all()
    assert (labels[plain & (layers == 0)] == 0).all()
    inner = (labels == HEALTHY) & choroid
    assert 0.45 < inner.sum() / choroid.sum() < 0.55
    first_unsure = np.argmax(labels == UNSURE, axis=0)
    last_healthy = len(labels) - 1 - np.argmax((labels == HEALTHY)[::-1], axis=0)
    assert (last_healthy < first_unsure).all()


def test_findings_can_be_the_only_labels() -> None:
    phantom = make_phantom(PhantomSettings(shape=(1, 248, 128), findings=("SRF",)))
    labels = labels_of(phantom, 0, "findings")
    assert set(np.unique(labels)) == {0, FINDING_SET.index("SRF")}


def test_bscans_of_a_volume_are_neighbours() -> None:
    scans = make(n_bscans=2)
    assert [(s.name, s.index) for s in scans] == [
        ("phantom-0-0", 0),
        ("phantom-0-1", 1),
    ]
    assert scans[0].volume is scans[1].volume
    assert {s.entry.patient for s in scans} == {"phantom-0"}


def test_en_face_a_vessel_is_darker_than_its_surroundings() -> None:
    scan = make("enface", truth="vessels", n_bscans=48)[0]
    image = scan.volume.bscan(0)
    assert scan.labels.shape == image.shape
    vessels = scan.labels == VESSEL
    assert 0.02 < vessels.mean() < 0.4
    assert image[vessels].mean() < image[~vessels].mean()


@pytest.mark.parametrize(
    ("plane", "values", "told"),
    [
        ("enface", {"n_bscans": 20}, "layers.*enface"),
        ("bscan", {"truth": "vessels"}, "vessels.*bscan"),
        ("enface", {"truth": "vessels"}, "n_bscans 1"),
    ],
)
def test_labels_that_a_phantom_does_not_have_are_refused(
    plane: str, values: dict[str, object], told: str
) -> None:
    with pytest.raises(RecipeError, match=told):
        make(plane, **values)


def test_fewer_phantoms_are_some_of_the_same_and_held_out_ones_stay() -> None:
    values = {"n_phantoms": 6, "validation": [4, 5], "findings": True}
    every = {scan.name: scan for scan in make(**values)}
    some = make(**values, n_most=2)
    assert [scan.name for scan in some] == [
        "phantom-0",
        "phantom-3",
        "phantom-4",
        "phantom-5",
    ]
    for scan in some:
        assert np.array_equal(scan.volume.data, every[scan.name].volume.data)
        assert scan.entry.held_out == (scan.name in ("phantom-4", "phantom-5"))
