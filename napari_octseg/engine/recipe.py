"""Training recipes: everything that decides what a training run does, as data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from napari_octseg.bundles.card import (
    Architecture,
    BundleName,
    Input,
    Part,
    Positive,
    Step,
    check_classes,
    check_steps,
)
from napari_octseg.engine.data.source import Source, Target
from napari_octseg.errors import RecipeError
from napari_octseg.labels import LabelSet

if TYPE_CHECKING:
    from pathlib import Path

Reach = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Scope = Literal["all", "decoder", "norm"]
"""Which weights a training changes."""


class Adversarial(Part):
    """A discriminator that judges the segmentation, see `engine.learning.adversarial`.

    weight
        Of its judgement in the loss.
    learning_rate, momentum
        Of its own optimiser (adam; momentum is β1).
    """

    architecture: Architecture
    weight: Annotated[float, Field(gt=0)] = 1.0
    learning_rate: Annotated[float, Field(gt=0)] = 2e-4
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.5


class Recipe(Part):
    """A whole training run; the bundle's card is made from it.

    crop
        Rows and columns of a training sample, on the network's grid: multiples of
        ``input.divisor``, and no more than ``input.size``.
    batch_size
        Samples of one update, on each device.
    targets
        Unlabelled scans whose look training scans are given, by the chances ``svdna``
        and ``match`` of `augment`.
    augment
        Fields of `engine.augment.AugmentSettings` that differ from those of the plane.
    n_steps, warm_up, validate_every
        Optimiser updates; those with rising learning rate; between two validations.
    n_validated
        Held-out images of each source that a validation looks at, at most; 0: all.
    minutes
        Time that the run may take, from reading the data to the last validation: where
        it is over before the updates are done, the learning rate falls and validations
        come accordingly. None: as long as the updates take. On one device alone.
    patience
        Stop after so many validations without a better score; 0 never does.
    optimiser, momentum
        Name in `engine.learning.optimisers`; its momentum, or β1 of Adam.
    schedule, decay_after, decay_factor
        How the learning rate falls, see `engine.learning.schedule`: ``steps`` counts
        updates, ``plateau`` validations.
    clip
        Largest norm of the gradient; 0 leaves it as it is.
    losses
        Name in `engine.learning.criterion` → weight in the sum that is minimised.
    adversarial
        A discriminator beside the losses, or none.
    start
        Name or folder of a bundle: its tensors of equal name and shape are the first
        weights; empty for random ones.
    train_only
        ``all`` weights; ``decoder``: those behind the encoder, which then works as it
        does in use; ``norm``: those of the normalisation layers.
    norm_batches
        Batches from which the running mean of the weights takes its statistics before
        a validation; 0 keeps those of `start` throughout, in training too.
    ema
        Decay of the running mean of the weights that is validated and kept.
    """

    name: BundleName
    version: str
    title: str
    description: str
    limits: str = ""
    licence: str
    reference: str = ""
    architecture: Architecture
    classes: tuple[str, ...]
    original_classes: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    input: Input
    postprocess: tuple[Step, ...] = ()
    sources: tuple[Source, ...]
    targets: tuple[Target, ...] = ()
    split: str
    crop: tuple[Positive, Positive]
    batch_size: Annotated[int, Field(gt=0)] = 4
    n_steps: Annotated[int, Field(gt=0)]
    warm_up: Annotated[int, Field(ge=0)] = 50
    validate_every: Annotated[int, Field(gt=0)] = 200
    n_validated: Annotated[int, Field(ge=0)] = 0
    minutes: Annotated[float, Field(gt=0)] | None = None
    patience: Annotated[int, Field(ge=0)] = 0
    optimiser: Literal["adamw", "adam", "sgdm"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    schedule: Literal["cosine", "steps", "plateau", "constant"] = "cosine"
    decay_after: Annotated[int, Field(ge=0)] = 0
    decay_factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    clip: Annotated[float, Field(ge=0)] = 1.0
    losses: dict[str, Reach] = Field(
        default_factory=lambda: {"dice": 0.7, "cross_entropy": 0.3}
    )
    adversarial: Adversarial | None = None
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.99
    augment: dict[str, Reach] = Field(default_factory=dict)
    start: str = ""
    train_only: Scope = "all"
    norm_batches: Annotated[int, Field(ge=0)] = 32
    seed: int = 0

    @property
    def label_set(self) -> LabelSet:
        """Classes in index order."""
        return LabelSet.of(*self.classes)

    @property
    def fine_tunes(self) -> bool:
        """Whether this continues a model on ground truth, its first source."""
        return bool(self.sources) and self.sources[0].kind == "ground truth"

    @model_validator(mode="after")
    def _classes_fit(self) -> Recipe:
        check_classes(self.classes, self.layers)
        return self

    @model_validator(mode="after")
    def _steps_see_what_they_need(self) -> Recipe:
        check_steps(self.postprocess, self.input.intensity)
        return self

    @model_validator(mode="after")
    def _crop_fits_the_network(self) -> Recipe:
        step, most = self.input.divisor, self.input.size
        if self.input.intensity == "column_l2" and most and self.crop[0] < most[0]:
            raise ValueError(
                f"crop: {self.crop} must have all {most[0]} rows, because column_l2 "
                "divides each column by its norm"
            )
        if any(side % step for side in self.crop):
            raise ValueError(f"crop: {self.crop} are not multiples of {step}")
        size = self.input.size or self.crop
        if any(side > most for side, most in zip(self.crop, size, strict=True)):
            raise ValueError(f"crop: {self.crop} is larger than input.size {size}")
        return self

    @model_validator(mode="after")
    def _augment_is_known(self) -> Recipe:
        from napari_octseg.engine.augment import augment_settings

        settings = augment_settings(self.input.plane, self.augment)
        if (settings.svdna + settings.match > 0) != bool(self.targets):
            raise ValueError("augment: svdna and match need targets, and targets them")
        names = [s.name for s in self.sources if s.kind != "phantom"]
        unknown = [t.source for t in self.targets if t.source not in (*names, "")]
        if unknown:
            raise ValueError(f"targets: {unknown} are not among the sources {names}")
        return self

    @field_validator("losses")
    @classmethod
    def _losses_are_known(cls, given: dict[str, float]) -> dict[str, float]:
        from napari_octseg.engine.learning.criterion import LOSS_NAMES

        unknown = sorted(set(given) - set(LOSS_NAMES))
        if unknown:
            raise ValueError(f"{unknown} are not among {list(LOSS_NAMES)}")
        if not any(given.values()):
            raise ValueError(f"{given}: one needs a weight above 0")
        return given

    @model_validator(mode="after")
    def _only_a_start_is_kept_in_part(self) -> Recipe:
        if not self.start and (self.train_only != "all" or self.norm_batches == 0):
            raise ValueError("train_only, norm_batches 0: random weights need training")
        return self

    @model_validator(mode="after")
    def _decay_is_known(self) -> Recipe:
        if self.schedule in ("steps", "plateau") and not self.decay_after:
            raise ValueError(f"decay_after: the schedule {self.schedule!r} needs it")
        return self

    @model_validator(mode="after")
    def _codes_name_classes(self) -> Recipe:
        for source in self.sources:
            for code, names in source.codes.items():
                unknown = [name for name in names if name not in self.classes]
                if unknown:
                    raise ValueError(
                        f"source {source.name}, code {code}: {unknown} are not among "
                        f"the classes {self.classes}"
                    )
        return self


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe file.

    Raises
    ------
    RecipeError
        If the file is missing, is not JSON or has a wrong field, which is named.
    """
    try:
        values: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecipeError(
            f"The recipe {path} cannot be read ({error})",
            todo="give the path of a recipe.json; see models/*/recipe.json",
        ) from error
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise RecipeError(f"{path}: {field}: {first['msg']}") from error
