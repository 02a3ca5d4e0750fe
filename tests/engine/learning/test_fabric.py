from __future__ import annotations

import logging

import pytest

from napari_octseg.engine.learning.fabric import is_first_process, launch_fabric
from napari_octseg.errors import DeviceError


def test_one_device_needs_no_further_process(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        fabric = launch_fabric("cpu")
    assert (fabric.world_size, fabric.device.type) == (1, "cpu")
    assert is_first_process()
    assert not caplog.records


@pytest.mark.parametrize(
    "options", [{"precision": "8-bit"}, {"n_devices": 0}, {"n_devices": -3}]
)
def test_what_no_device_can_do_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(DeviceError, match=r"× cpu with precision .* cannot train"):
        launch_fabric("cpu", **options)  # type: ignore[arg-type]


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(DeviceError, match="abacus"):
        launch_fabric("abacus")
