"""A data set of a recipe: where its scans are and what its label codes mean."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from napari_octseg.bundles.card import Part
from napari_octseg.labels import IGNORE

Share = Annotated[float, Field(ge=0, le=1)]


class Source(Part):
    """One data set: where its B-scans are and what its label codes may stand for.

    folder, images, labels
        Folder below the data root; pattern of the images; label file of an image, with
        ``{stem}`` for the image's name.
    codes
        Label code → the classes it may stand for. Two codes mean the same or have no
        class in common; codes that are not listed are ignored.
    validation
        Names (without suffix) of the held-out images, or a range of their numbers
        ``[first, last]``: neighbouring numbers may be one volume, so blocks are held
        out whole.
    ignore_boxes
        (top, left, bottom, right) as shares of the image: burnt-in text and icons.
    ignore_white_columns
        Ignore columns that are nearly all white (a burnt-in cursor line).
    weight
        Share of the training samples, relative to the other sources.
    """

    name: str
    kind: Literal["images", "phantom"] = "images"
    folder: str = ""
    images: str = "images/*"
    labels: str = "labels/{stem}.png"
    codes: dict[int, tuple[str, ...]] = Field(default_factory=dict)
    validation: tuple[str, ...] | tuple[int, int] = ()
    ignore_boxes: tuple[tuple[Share, Share, Share, Share], ...] = ()
    ignore_white_columns: bool = False
    weight: Annotated[float, Field(ge=0)] = 1.0
    n_phantoms: Annotated[int, Field(ge=0)] = 0
    findings: bool = False
    devices: str = ""
    description: str = ""
    licence: str = ""
    reference: str = ""

    @model_validator(mode="after")
    def _meanings_do_not_overlap(self) -> Source:
        if not self.codes or not all(self.codes.values()):
            raise ValueError(f"codes of {self.name}: every source and code needs some")
        strange = [code for code in self.codes if not 0 <= code < IGNORE]
        if strange:
            raise ValueError(
                f"codes of {self.name}: {strange} are not in 0…{IGNORE - 1}"
            )
        meanings = {frozenset(classes) for classes in self.codes.values()}
        names = [name for meaning in meanings for name in meaning]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(
                f"codes of {self.name}: {doubled} occur in two different meanings"
            )
        return self
