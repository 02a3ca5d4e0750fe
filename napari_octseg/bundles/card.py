"""The card of a model: all that is needed to run and to judge it (`card.json`)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from napari_octseg.bundles.part import Part as Part
from napari_octseg.bundles.part import readable_json
from napari_octseg.bundles.score import Score, Support
from napari_octseg.errors import CardError
from napari_octseg.labels import BACKGROUND, LabelClass, LabelSet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Positive = Annotated[int, Field(gt=0)]
Size = tuple[Positive, Positive]
"""(rows, columns) in px."""
ProjectionKind = Literal["outer", "inner", "combined"]
"""Which fundus reconstruction of a volume; `engine.projecting` makes them."""
BundleName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
"""Name of a model and of its folder."""


class Architecture(Part):
    """Which network to build: a name in `networks.ARCHITECTURES` and its arguments."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Weights(Part):
    """The weights file beside the card."""

    file: str = "weights.safetensors"
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    n_parameters: Positive


class ClassEntry(Part):
    """One class of the label set; colour is ``#rrggbb``."""

    name: str
    long_name: str = ""
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class Step(Part):
    """A named function of `engine.prepare` or `engine.postprocess`, its arguments."""

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class Tiling(Part):
    """Windows of `size` px (rows, columns) instead of the whole image.

    overlap
        px (rows, columns) across which neighbouring windows pass into each other.
    stride
        The plain mean over windows that begin every so many px, from as few of
        them as give nearly that (`engine.overlap`). No overlap is given then.
    """

    size: Size
    overlap: tuple[int, int] = (0, 0)
    stride: Positive | None = None

    @model_validator(mode="after")
    def _windows_cover_the_image(self) -> Tiling:
        if self.stride is not None and any(self.overlap):
            raise ValueError(f"stride {self.stride}: then no overlap can be given")
        if self.stride is not None and self.stride > min(self.size):
            raise ValueError(f"stride {self.stride} must not exceed size {self.size}")
        if any(not 0 <= o < s for o, s in zip(self.overlap, self.size, strict=True)):
            raise ValueError(f"overlap {self.overlap} must be below size {self.size}")
        return self


class Input(Part):
    """How an image becomes the input of the network.

    plane
        ``bscan`` or ``enface``.
    projection
        The fundus reconstruction that an en-face model takes of a volume; None if it
        takes en-face images only (OCTA, photographs).
    n_neighbours
        B-scans on each side that are stacked as channels (0: the B-scan alone).
    prepare
        Named steps of `engine.prepare` at the scan's own size, first to last.
    size
        Every image is resized to this; None keeps the native size.
    divisor
        Rows and columns are padded to a multiple of this.
    tiling
        Windows instead of the whole image; None takes the whole image.
    intensity
        Name of the intensity normalisation in `engine.preprocess`.
    spacing_um
        (axial, lateral) µm the model was trained at; None if it was trained on many.
    """

    plane: Literal["bscan", "enface"] = "bscan"
    projection: ProjectionKind | None = None
    n_neighbours: Annotated[int, Field(ge=0)] = 0
    prepare: tuple[Step, ...] = ()
    size: Size | None = None
    divisor: Positive = 1
    tiling: Tiling | None = None
    intensity: str = "zscore"
    spacing_um: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _projection_is_en_face(self) -> Input:
        if self.projection is not None and self.plane != "enface":
            raise ValueError("projection: only models of the plane 'enface' have one")
        return self


class DataSource(Part):
    """One data set a model was trained on, and its licence.

    `support` is how many of the images, of how many patients, have a class (for each
    name of `Score`); `synthetic` says that they are phantoms.
    """

    name: str
    n_images: Annotated[int, Field(ge=0)]
    support: dict[str, Support] = Field(default_factory=dict)
    synthetic: bool = False
    devices: str = ""
    labels: str = ""
    licence: str = ""
    reference: str = ""


class Training(Part):
    """What a model was trained on, how, and from which parent."""

    data: tuple[DataSource, ...] = ()
    split: str = ""
    recipe: str = ""
    hardware: str = ""
    n_epochs: int | None = None
    seed: int | None = None
    parent: str | None = None


class ModelCard(Part):
    """Everything about a model; `bundles.registry` reads it from `card.json`.

    `original_classes` is the class order of the published network, where it numbers
    its classes otherwise than we do (anatomical order).
    """

    schema_version: Literal[1] = 1
    name: BundleName
    version: str
    title: str
    description: str
    architecture: Architecture
    weights: Weights
    classes: tuple[ClassEntry, ...]
    original_classes: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    input: Input
    postprocess: tuple[Step, ...] = ()
    training: Training = Training()
    metrics: tuple[Score, ...] = ()
    limits: str = ""
    licence: str
    reference: str = ""

    @model_validator(mode="after")
    def _classes_fit(self) -> ModelCard:
        check_classes([c.name for c in self.classes], self.layers)
        return self

    @model_validator(mode="after")
    def _steps_see_what_they_need(self) -> ModelCard:
        check_steps(self.postprocess, self.input.intensity)
        return self

    @property
    def label_set(self) -> LabelSet:
        """Classes in index order."""
        return LabelSet(
            tuple(LabelClass(c.name, c.long_name, c.colour) for c in self.classes)
        )

    @property
    def layer_indices(self) -> tuple[int, ...]:
        """Class index of each layer, top to bottom; empty if the model has none."""
        names = [c.name for c in self.classes]
        return tuple(names.index(name) for name in self.layers)


def check_classes(names: Sequence[str], layers: Sequence[str]) -> None:
    """Check the classes of a card or recipe, and which of them are layers.

    Raises
    ------
    ValueError
        Unless the background comes first, something follows, no name occurs twice, and
        the layers are among what follows.
    """
    for field, given in (("classes", names), ("layers", layers)):
        if len(set(given)) != len(given):
            raise ValueError(f"{field}: a name occurs twice in {list(given)}")
    if len(names) < 2 or names[0] != BACKGROUND:
        raise ValueError(
            f"classes: {list(names)} must be {BACKGROUND!r} and at least one more"
        )
    if BACKGROUND in layers:
        raise ValueError(f"layers: {BACKGROUND!r} is none")
    missing = [name for name in layers if name not in names]
    if missing:
        raise ValueError(f"layers: {missing} are not among the classes {list(names)}")


GREY_STEPS = frozenset({"within_retina"})
"""Steps of `postprocess` that find things in the grey values the network saw."""
NOT_GREY = frozenset({"column_l2", "local_contrast"})
"""Intensities after which those are no linear function of the grey values."""


def check_steps(postprocess: Sequence[Step], intensity: str) -> None:
    """Check that the steps of a card or recipe can work after its intensity.

    Raises
    ------
    ValueError
        If one needs grey values, and `intensity` leaves none.
    """
    blind = [step.name for step in postprocess if step.name in GREY_STEPS]
    if blind and intensity in NOT_GREY:
        raise ValueError(
            f"postprocess: {blind[0]!r} looks at the grey values, and after "
            f"input.intensity {intensity!r} there are none; allowed: unit, zscore, "
            "centred, or no such step"
        )


def class_entries(label_set: LabelSet) -> tuple[ClassEntry, ...]:
    """Card form of a label set."""
    return tuple(
        ClassEntry(name=c.name, long_name=c.long_name, colour=c.colour)
        for c in label_set.classes
    )


def read_card(path: Path) -> ModelCard:
    """Read and check a `card.json`.

    Raises
    ------
    CardError
        If the file is missing or unreadable, or a field is wrong; file and field are
        named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(
            f"{path} cannot be read ({error})", todo="restore the bundle folder"
        ) from error
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise CardError(
            f"{path} is not valid JSON ({error})", todo="restore the bundle folder"
        ) from error
    try:
        return ModelCard.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "card"
        raise CardError(
            f"{path}: {field}: {first['msg']}",
            todo="correct the field; docs/model-card.md describes every one",
        ) from error


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card as JSON that people can read."""
    text = readable_json(card.model_dump(mode="json"))
    path.write_text(text + "\n", encoding="utf-8")
