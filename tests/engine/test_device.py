"""Devices: names, fallback, memory."""

from __future__ import annotations

import logging

import pytest
import torch

from napari_octseg.engine.device import (
    available_devices,
    choose_device,
    describe_device,
    fast_dtypes,
    free_bytes,
    is_out_of_memory,
)
from napari_octseg.errors import DeviceError

CPU = torch.device("cpu")


def test_auto_takes_the_best_device_that_is_there() -> None:
    assert str(choose_device("auto").device) == available_devices()[1]


def test_the_cpu_is_always_there() -> None:
    assert available_devices()[-1] == "cpu"
    assert choose_device("cpu").device == CPU
    assert "thread" in describe_device("cpu")


def test_a_missing_gpu_falls_back_to_the_cpu_and_says_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with caplog.at_level(logging.WARNING):
        choice = choose_device("cuda")
    assert choice.device == CPU
    assert "cuda was asked for but is not there" in choice.message
    assert choice.message in caplog.text


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "", "cpu:one"])
def test_a_name_of_no_device_is_an_error_that_lists_the_devices(name: str) -> None:
    with pytest.raises(DeviceError, match="Allowed: auto") as caught:
        choose_device(name)
    assert "cpu" in caught.value.allowed


def test_free_memory_of_the_cpu_is_less_than_a_petabyte_and_more_than_nothing() -> None:
    assert 0 < free_bytes(CPU) < 1e15


def test_x86_without_bf16_instructions_stays_in_fp32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert fast_dtypes(CPU) == ()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("MPS backend out of memory (allocated 9 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_every_device_has_its_own_way_to_say_that_memory_is_short(
    error: RuntimeError, expected: bool
) -> None:
    assert is_out_of_memory(error) is expected
