"""Figures of a model on one data set, and on how many eyes each of them rests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from napari_octseg.bundles.part import Part, readable_json
from napari_octseg.errors import CardError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
FEW_PATIENTS = 3
"""A figure that rests on fewer patients than this is never shown without saying so."""


class Support(Part):
    """On how many images, of how many patients, a class was labelled."""

    n_images: Count
    n_patients: Count

    @property
    def is_thin(self) -> bool:
        """Whether so few eyes say little about the next one."""
        return self.n_patients < FEW_PATIENTS

    def __str__(self) -> str:
        """`2 images of 1 patient`."""
        return (
            f"{self.n_images} {'image' if self.n_images == 1 else 'images'} of "
            f"{self.n_patients} {'patient' if self.n_patients == 1 else 'patients'}"
        )


class Confusion(Part):
    """What the model said of pixels that people labelled.

    labelled
        What the labels of the data set mean: a class, or ``A+B`` for one of several.
    predicted
        Classes of the model.
    n_pixels
        A row for each of `labelled`, a column for each of `predicted`.
    """

    labelled: tuple[str, ...]
    predicted: tuple[str, ...]
    n_pixels: tuple[tuple[Count, ...], ...]

    @model_validator(mode="after")
    def _is_a_table(self) -> Confusion:
        widths = {len(row) for row in self.n_pixels}
        if len(self.n_pixels) != len(self.labelled) or widths != {len(self.predicted)}:
            raise ValueError(
                f"n_pixels: not {len(self.labelled)} rows of {len(self.predicted)}"
            )
        return self


class Score(Part):
    """Figures of one data set and split.

    Names are those of the data set's labels: a class, or ``A+B`` where the labels do
    not tell A from B. Classes that neither side has are left out. ``mean`` is the mean
    over all others but the background.

    dice, iou, precision, recall
        Name → figure pooled over all pixels of all images.
    dice_interval
        Name → 95 % bootstrap interval of the pooled Dice: patients drawn with
        replacement.
    dice_by_patient
        Name → mean over the patients in whom either side has the class.
    support
        Name → in how many images and patients it was labelled.
    boundary_mae_px, boundary_p95_px, boundary_bias_px
        Boundary name → mean absolute error, 95th percentile of the absolute error and
        mean signed error (positive: found too deep), in px of the scan's own grid, over
        all columns where both sides have the boundary.
    boundary_mae_um, boundary_p95_um, boundary_bias_um
        The same in µm, where the axial spacing of every scan is known.
    boundary_judged
        Boundary name → share of the columns where the labels have it, in which the
        model has it too and was judged, 0…1; 0 has no other figures. Older scores do
        not tell.
    roc_auc, average_precision
        En-face models: name → area under the ROC curve (trapezoid) and average
        precision (steps, not trapezoid), over all pixels with a label.
    specificity, accuracy
        En-face models: name → share of the pixels of other labels that are not taken
        for it; share of the pixels told apart rightly.
    confusion
        Pixels by label and predicted class.
    command
        Reproduces the figures.
    """

    data: str
    split: str
    n_images: Annotated[int, Field(gt=0)]
    n_patients: Annotated[int, Field(gt=0)] | None = None
    dice: dict[str, float] = Field(default_factory=dict)
    dice_interval: dict[str, tuple[float, float]] = Field(default_factory=dict)
    dice_by_patient: dict[str, float] = Field(default_factory=dict)
    iou: dict[str, float] = Field(default_factory=dict)
    precision: dict[str, float] = Field(default_factory=dict)
    recall: dict[str, float] = Field(default_factory=dict)
    support: dict[str, Support] = Field(default_factory=dict)
    boundary_mae_px: dict[str, float] = Field(default_factory=dict)
    boundary_p95_px: dict[str, float] = Field(default_factory=dict)
    boundary_bias_px: dict[str, float] = Field(default_factory=dict)
    boundary_mae_um: dict[str, float] = Field(default_factory=dict)
    boundary_p95_um: dict[str, float] = Field(default_factory=dict)
    boundary_bias_um: dict[str, float] = Field(default_factory=dict)
    boundary_judged: dict[str, Share] = Field(default_factory=dict)
    roc_auc: dict[str, float] = Field(default_factory=dict)
    average_precision: dict[str, float] = Field(default_factory=dict)
    specificity: dict[str, float] = Field(default_factory=dict)
    accuracy: dict[str, float] = Field(default_factory=dict)
    confusion: Confusion | None = None
    command: str = ""
    hardware: str = ""
    note: str = ""


def merged(scores: Sequence[Score], more: Sequence[Score]) -> tuple[Score, ...]:
    """Scores with `more`, which replace those of the same data set and split."""
    kept = {(score.data, score.split): score for score in scores}
    return tuple((kept | {(s.data, s.split): s for s in more}).values())


def read_scores(path: Path) -> tuple[Score, ...]:
    """Read scores from a JSON file, as `write_scores` makes it.

    Raises
    ------
    CardError
        If the file cannot be read or a field is wrong, which is named.
    """
    try:
        return _SCORES.validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(
            f"{path} cannot be read ({error})", todo="give a file of scores (JSON)"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "scores"
        raise CardError(
            f"{path}: {field}: {first['msg']}",
            todo="give a file that napari-octseg wrote, for example with "
            "`evaluate --json`",
        ) from error


def write_scores(scores: Sequence[Score], path: Path) -> None:
    """Write scores as JSON: a list, each with the fields of a card."""
    values = [score.model_dump(mode="json") for score in scores]
    path.write_text(readable_json(values) + "\n", encoding="utf-8")


_SCORES = TypeAdapter(tuple[Score, ...])
