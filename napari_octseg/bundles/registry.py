"""Find bundles, shipped and the user's own, and load their networks."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.bundles.card import ModelCard, read_card, write_card
from napari_octseg.bundles.readme import card_text
from napari_octseg.errors import CardError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from napari_octseg.bundles.card import Input

logger = logging.getLogger(__name__)

_PACKAGE = Path(__file__).resolve().parents[1]
USER_MODELS_VARIABLE = "NAPARI_OCTSEG_MODELS"
_RECIPE = "recipe.json"


@dataclass(frozen=True)
class Bundle:
    """A bundle folder: its card, or the reason why it cannot be used."""

    name: str
    folder: Path
    card: ModelCard | None
    problem: str | None
    shipped: bool


def models_dir() -> Path:
    """Folder of the shipped bundles, in a wheel, an editable install or a checkout.

    Raises
    ------
    ModelError
        If no shipped bundle is found.
    """
    # The package comes first: beside an installed package there may be a foreign
    # folder called "models".
    for folder in (_PACKAGE / "models", _PACKAGE.parent / "models"):
        if any(folder.glob("*/card.json")):
            return folder
    raise ModelError(
        f"No shipped model lies in {_PACKAGE} or beside it",
        todo="install napari-octseg again",
    )


def user_models_dir() -> Path:
    """Folder of the user's own bundles; `NAPARI_OCTSEG_MODELS` names another."""
    chosen = os.environ.get(USER_MODELS_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("napari-octseg", appauthor=False)) / "models"


def list_bundles() -> list[Bundle]:
    """All bundles, shipped ones first, then by name; broken ones with their reason.

    A user's bundle named like a shipped one is listed as broken: names are unique.
    """
    found: list[Bundle] = []
    roots = [(user_models_dir(), False)]
    try:
        roots.insert(0, (models_dir(), True))
    except ModelError as error:
        # A damaged installation does not take the user's own models along.
        logger.info("%s", error)
    for root, shipped in roots:
        if not root.is_dir():
            continue
        taken = {bundle.name for bundle in found}
        for folder in sorted(root.iterdir()):
            if folder.is_dir() and not folder.name.startswith((".", "_")):
                found.append(_inspect(folder, shipped=shipped, taken=taken))
    return found


def list_models() -> list[ModelCard]:
    """Cards of all usable models, shipped ones first."""
    return [bundle.card for bundle in list_bundles() if bundle.card is not None]


def find_bundle(name: str) -> Bundle:
    """The usable bundle of that name, or in the folder of that path.

    Raises
    ------
    ModelError
        If no bundle has the name, or it is broken.
    """
    bundles = list_bundles()
    folder = Path(name)
    if name not in [bundle.name for bundle in bundles] and folder.is_dir():
        found = _inspect(folder, shipped=False, taken=set())
        bundles = [replace(found, name=name)]
    for bundle in bundles:
        if bundle.name == name:
            if bundle.card is None:
                raise ModelError(
                    f"The model {name!r} cannot be used: {bundle.problem}",
                    todo=f"repair or remove {bundle.folder}",
                )
            return bundle
    raise ModelError(
        f"No model is called {name!r}",
        allowed=", ".join(b.name for b in bundles if b.card is not None) or "none",
        todo="see them with: napari-octseg models",
    )


def has_bundle(name: str) -> bool:
    """Whether `find_bundle` finds a usable model of that name or in that folder."""
    try:
        find_bundle(name)
    except ModelError:
        return False
    return True


def load_network(bundle: Bundle) -> nn.Module:
    """The bundle's network with its weights, float32, in evaluation mode, on the CPU.

    Raises
    ------
    ModelError
        If the weights are damaged or do not fit the architecture, or the network does
        not fit the classes and the input of its card.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    from napari_octseg.networks import build

    if bundle.card is None:
        raise ModelError(f"The model {bundle.name!r} cannot be used: {bundle.problem}")
    path = bundle.folder / bundle.card.weights.file
    content = path.read_bytes()
    _check_hash(path, content, bundle.card.weights.sha256)
    network = build(bundle.card.architecture.name, bundle.card.architecture.arguments)
    try:
        state = load(content)
    except SafetensorError as error:
        raise ModelError(f"{path} is not a safetensors file ({error})") from error
    # Weights are stored as float16; the network computes its own precision.
    state = {
        key: value.float() if value.is_floating_point() else value
        for key, value in state.items()
    }
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(
            f"{path} does not fit the architecture of its card ({error})",
            todo="restore the bundle",
        ) from error
    network.requires_grad_(False)
    network.to(torch.float32)
    classes = [entry.name for entry in bundle.card.classes]
    check_fit(network, classes, bundle.card.input, bundle.card.name)
    return network.eval()


def check_fit(
    network: nn.Module, classes: Sequence[str], spec: Input, name: str
) -> None:
    """Check a network against what a card or recipe says of it, on one tiny image.

    Parameters
    ----------
    network
        On the CPU, float32; left in evaluation mode.
    classes
        Class names in index order.
    spec
        How images are prepared.
    name
        Of the model, for the error.

    Raises
    ------
    ModelError
        If it does not take images as `spec` prepares them, or has not one channel for
        each class (of two classes one may suffice).
    """
    import torch

    step = getattr(network, "divisor", 1)
    if spec.divisor % step:
        raise ModelError(
            f"{name}: input.divisor is {spec.divisor}, its network needs rows and "
            f"columns divisible by {step}",
            todo=f"set input.divisor to {step} or a multiple of it",
        )
    n_channels = 1 + 2 * spec.n_neighbours
    # A network may halve the image four times without asking for a divisor.
    side = spec.divisor * max(2, -(-32 // spec.divisor))
    image = torch.zeros(1, n_channels, side, side)
    try:
        with torch.inference_mode():
            n_given = network.eval()(image).shape[1]
    except RuntimeError as error:
        raise ModelError(
            f"{name}: its network does not take {n_channels} channels of {side} × "
            f"{side} px, which input.n_neighbours and input.divisor ask for ({error})",
            todo="correct the architecture or the input",
        ) from error
    if n_given != len(classes) and (n_given, len(classes)) != (1, 2):
        raise ModelError(
            f"{name}: its network gives {n_given} channels for {len(classes)} classes "
            f"({', '.join(classes)})",
            todo="correct n_classes of the architecture, or the classes",
        )


def write_bundle(
    folder: Path,
    card: ModelCard,
    network: nn.Module,
    *,
    extras: Mapping[str, str] | None = None,
) -> Bundle:
    """Write a new bundle: all of it, or nothing.

    Parameters
    ----------
    folder
        The new bundle's folder; its name must be the card's name. It may be there if it
        holds nothing but a recipe, which is kept unless `extras` has one.
    card
        Card; its weights entry is filled in here.
    network
        The network whose weights are stored, as float16.
    extras
        Further text files by name (the recipe).

    Raises
    ------
    ModelError
        If the folder is there already: a bundle is never overwritten.
    """
    import torch
    from safetensors.torch import save

    check_new_bundle(folder)
    state = {
        key: value.to(torch.float16) if value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }
    content = save({key: value.contiguous() for key, value in state.items()})
    weights = card.weights.model_copy(
        update={
            "sha256": hashlib.sha256(content).hexdigest(),
            "n_parameters": sum(p.numel() for p in network.parameters()),
        }
    )
    card = card.model_copy(update={"weights": weights})
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    try:
        (draft / card.weights.file).write_bytes(content)
        write_card(card, draft / "card.json")
        (draft / "README.md").write_text(card_text(card), encoding="utf-8")
        if (folder / _RECIPE).is_file():
            shutil.copyfile(folder / _RECIPE, draft / _RECIPE)
        for name, text in (extras or {}).items():
            (draft / name).write_text(text, encoding="utf-8")
        draft.chmod(0o755)  # mkdtemp makes private folders; a bundle is to be shared
        _put_in_place(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return Bundle(card.name, folder, card, None, shipped=False)


def check_new_bundle(folder: Path) -> None:
    """Check that `write_bundle` may make this folder.

    Raises
    ------
    ModelError
        If it is there and holds anything but a recipe.
    """
    if folder.is_dir() and all(path.name == _RECIPE for path in folder.iterdir()):
        return
    if folder.exists():
        raise ModelError(
            f"The bundle {folder} is there already",
            todo="choose another name or folder, or remove all of it but its recipe",
        )


def _put_in_place(draft: Path, folder: Path) -> None:
    """Rename `draft` to `folder`; a folder there is put back if that fails."""
    if not folder.exists():
        draft.rename(folder)
        return
    # A folder that holds something cannot be renamed over: it steps aside first.
    aside = draft.with_name(draft.name + "-before")
    folder.rename(aside)
    try:
        draft.rename(folder)
    except BaseException:
        aside.rename(folder)
        raise
    shutil.rmtree(aside)


def _inspect(folder: Path, *, shipped: bool, taken: set[str]) -> Bundle:
    """Bundle of a folder, broken or not; weights are only looked at, not hashed."""
    try:
        card = read_card(folder / "card.json")
        weights = folder / card.weights.file
        if card.name != folder.name:
            raise CardError(f"{folder}: the card is of a model called {card.name!r}")
        if card.name in taken:
            raise CardError(f"{folder}: another model is called {card.name!r} already")
        if not weights.is_file():
            raise CardError(f"{weights} is missing")
        if weights.stat().st_size < 1000:
            raise CardError(
                f"{weights} has only {weights.stat().st_size} bytes",
                todo="if it is a Git LFS pointer, run: git lfs pull",
            )
        _check_arguments(card)
    except CardError as error:
        return Bundle(folder.name, folder, None, str(error), shipped)
    return Bundle(card.name, folder, card, None, shipped)


def _check_arguments(card: ModelCard) -> None:
    """What `check_fit` would find, as far as the card alone tells it, without torch."""
    arguments = card.architecture.arguments
    n_classes = arguments.get("n_classes", len(card.classes))
    if n_classes != len(card.classes) and (n_classes, len(card.classes)) != (1, 2):
        raise CardError(
            f"{card.name}: its network has n_classes {n_classes}, the card has "
            f"{len(card.classes)} classes"
        )
    n_channels = 1 + 2 * card.input.n_neighbours
    # A single channel is repeated for a network that takes more.
    if n_channels > 1 and arguments.get("in_channels", n_channels) != n_channels:
        raise CardError(
            f"{card.name}: its network has in_channels {arguments['in_channels']}, "
            f"input.n_neighbours {card.input.n_neighbours} makes {n_channels}"
        )


def _check_hash(path: Path, content: bytes, expected: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ModelError(
            f"{path} is damaged: sha256 {found[:12]}…, the card says {expected[:12]}…",
            todo="restore the bundle; if you use Git LFS, run: git lfs pull",
        )
