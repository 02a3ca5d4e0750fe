"""Architectures from outside: an installed add-on, or a line in a script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_octseg import list_models, segment
from napari_octseg.bundles.card import (
    Architecture,
    Input,
    ModelCard,
    Weights,
    class_entries,
)
from napari_octseg.bundles.registry import write_bundle
from napari_octseg.errors import ModelError
from napari_octseg.labels import LabelSet
from napari_octseg.networks import (
    ARCHITECTURES,
    architecture_names,
    build,
    register,
)
from napari_octseg.phantom import PhantomSettings, make_phantom

if TYPE_CHECKING:
    from torch import nn

ADD_ON = '''\
"""A sixth network, in one module of somebody else's package."""

import torch
from torch import nn


class BrighterThan(nn.Module):
    """Class 1 where the grey value exceeds a threshold."""

    divisor = 1

    def __init__(self, *, sharpness=100.0):
        super().__init__()
        self.threshold = nn.Parameter(torch.zeros(1))
        self.sharpness = sharpness
        # Weights of a size that a bundle takes for real.
        self.register_buffer("spare", torch.zeros(1000))

    def forward(self, x):
        z = self.sharpness * (x - self.threshold)
        return torch.cat([torch.zeros_like(z), z], dim=1)
'''


def installed(site: Path, package: str, name: str, target: str, code: str) -> None:
    """What pip leaves behind when it has installed a package with an architecture."""
    (site / f"{package}.py").write_text(code)
    about = site / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
    )
    (about / "entry_points.txt").write_text(
        f"[napari_octseg.networks]\n{name} = {target}\n"
    )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of installed packages."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.fixture
def toy(site: Path) -> Path:
    """The folder in which an add-on with the architecture ``brighter-than`` lies."""
    installed(site, "octseg_toy", "brighter-than", "octseg_toy:BrighterThan", ADD_ON)
    return site


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models."""
    folder = tmp_path / "models"
    monkeypatch.setenv("NAPARI_OCTSEG_MODELS", str(folder))
    return folder


def write_toy_bundle(models: Path, network: nn.Module) -> None:
    card = ModelCard(
        name="toy",
        version="1",
        title="Toy",
        description="Bright pixels.",
        architecture=Architecture(name="brighter-than", arguments={"sharpness": 50.0}),
        weights=Weights(sha256="0" * 64, n_parameters=1),
        classes=class_entries(LabelSet.of("background", "RPE")),
        input=Input(intensity="unit"),
        limits="Knows nothing.",
        licence="BSD-3-Clause",
    )
    write_bundle(models / "toy", card, network)


def test_a_network_of_an_add_on_segments_with_a_bundle(toy: Path, models: Path) -> None:
    network = build("brighter-than", {})
    with torch.no_grad():
        network.get_parameter("threshold").fill_(0.5)
    write_toy_bundle(models, network)
    assert "toy" in [card.name for card in list_models()]
    volume = make_phantom(PhantomSettings(shape=(2, 64, 64))).volume
    result = segment(volume, "toy", device="cpu", precision="fp32")
    shown = np.stack([volume.bscan_as_shown(i) for i in range(volume.n_bscans)])
    assert np.array_equal(result.labels, shown > 0.5)
    assert 0 < result.labels.mean() < 1


def test_the_command_line_finds_it_by_itself(
    toy: Path, models: Path, tmp_path: Path
) -> None:
    write_toy_bundle(models, build("brighter-than", {}))
    scan = tmp_path / "scan.npy"
    np.save(scan, np.full((1, 16, 16), 200, np.uint8))
    command = [sys.executable, "-m", "napari_octseg", "segment", scan, "--model", "toy"]
    done = subprocess.run(
        [*map(str, command), "--out", str(tmp_path), "--device", "cpu"],
        env={**os.environ, "PYTHONPATH": str(toy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*toy*.tif"))


def test_an_add_on_is_named_among_the_known_ones(toy: Path) -> None:
    assert architecture_names() == sorted([*ARCHITECTURES, "brighter-than"])
    with pytest.raises(ModelError, match=r"Allowed: .*brighter-than.*unet"):
        build("transformer", {})


def test_the_module_of_an_add_on_is_imported_only_when_it_is_needed(toy: Path) -> None:
    sys.modules.pop("octseg_toy", None)
    build("unet", {"n_classes": 2, "widths": [2, 4]})
    architecture_names()
    assert "octseg_toy" not in sys.modules
    build("brighter-than", {})
    assert "octseg_toy" in sys.modules


def test_arguments_that_it_does_not_take_are_the_same_error(toy: Path) -> None:
    with pytest.raises(ModelError, match=r"brighter-than.*does not take.*softness"):
        build("brighter-than", {"softness": 1})


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError"),
        ("Other = 1", "AttributeError"),
        ("raise RuntimeError('no licence')", "no licence"),
    ],
)
def test_a_broken_add_on_is_an_error_that_says_why(
    site: Path, code: str, reason: str
) -> None:
    package = f"octseg_broken_{abs(hash(code))}"
    installed(site, package, "broken", f"{package}:Network", code)
    with pytest.raises(ModelError, match=rf"{package}.*{reason}"):
        build("broken", {})
    assert isinstance(build("unet", {"n_classes": 2}), ARCHITECTURES["unet"])


def test_two_add_ons_of_one_name_are_an_error(toy: Path) -> None:
    installed(toy, "octseg_twin", "brighter-than", "octseg_twin:BrighterThan", ADD_ON)
    with pytest.raises(ModelError, match=r"octseg_t.*octseg_t.*uninstall"):
        build("brighter-than", {})


def test_an_add_on_cannot_take_the_place_of_a_network_that_ships(site: Path) -> None:
    installed(site, "octseg_thief", "unet", "octseg_thief:BrighterThan", ADD_ON)
    network = build("unet", {"n_classes": 2, "widths": [2, 4]})
    assert type(network) is ARCHITECTURES["unet"]


def test_a_script_registers_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_octseg.networks.ARCHITECTURES", dict(ARCHITECTURES))
    register("linear", torch.nn.Linear)
    network = build("linear", {"in_features": 2, "out_features": 3})
    assert network(torch.zeros(1, 2)).shape == (1, 3)
    register("linear", torch.nn.Linear)  # a notebook cell may run twice
    assert "linear" in architecture_names()


def test_a_name_that_is_taken_is_refused(toy: Path) -> None:
    for name in ("unet", "brighter-than"):
        with pytest.raises(ModelError, match=f"{name}' already"):
            register(name, torch.nn.Linear)
