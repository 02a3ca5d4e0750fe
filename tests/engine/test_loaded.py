import gc

import numpy as np
import pytest
import torch

from napari_octseg.engine import loaded
from napari_octseg.engine.inference import segment
from napari_octseg.engine.loaded import loaded_network, ready_runner
from napari_octseg.engine.views import AS_IS, BOTH_SIDES
from napari_octseg.volume import OCTVolume

VOLUME = OCTVolume(np.random.default_rng(0).integers(0, 255, (1, 32, 32), np.uint8))


@pytest.fixture
def loads(tiny_bundle, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # type: ignore[no-untyped-def]
    """Names of the bundles whose weights were read; there is one bundle, `tiny`."""
    names: list[str] = []
    tiny_bundle("tiny")
    whole = loaded.load_network

    def count(bundle):  # type: ignore[no-untyped-def]
        names.append(bundle.name)
        return whole(bundle)

    monkeypatch.setattr(loaded, "load_network", count)
    return names


def test_scans_share_the_network_that_somebody_holds(loads: list[str]) -> None:
    from napari_octseg.bundles.registry import find_bundle

    network = loaded_network(find_bundle("tiny"))
    for _ in range(3):
        segment(VOLUME, "tiny", device="cpu")
    assert loads == ["tiny"]
    assert loaded_network(find_bundle("tiny")) is network


def test_what_nobody_holds_is_freed(loads: list[str]) -> None:
    for expected in (1, 2):
        segment(VOLUME, "tiny", device="cpu")
        gc.collect()
        assert len(loads) == expected
        assert not list(loaded._runners)


def test_a_runner_is_made_once_for_each_way_to_run(loads: list[str]) -> None:
    from napari_octseg.bundles.registry import find_bundle

    network, cpu = loaded_network(find_bundle("tiny")), torch.device("cpu")
    make = lambda **other: ready_runner(  # noqa: E731
        network, cpu, torch.float32, **{"tiling": None, "views": AS_IS, **other}
    )
    assert make() is make()
    assert make() is not make(views=BOTH_SIDES)
