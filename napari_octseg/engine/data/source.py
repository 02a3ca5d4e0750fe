"""A data set of a recipe: where its scans are and what its label codes mean."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from napari_octseg.bundles.card import Part, Positive
from napari_octseg.labels import IGNORE

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Micrometres = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class FractionHeldOut(Part):
    """About this share of the patients, and one at least, drawn by the seed."""

    fraction: Annotated[float, Field(gt=0, lt=1)]
    seed: Count = 0


class FoldHeldOut(Part):
    """Every `of`-th patient of an order drawn by the seed, from the `fold`-th on.

    The folds 0 … `of` − 1 of one seed hold out each patient once.
    """

    fold: Count
    of: Annotated[int, Field(gt=1)]
    seed: Count = 0

    @model_validator(mode="after")
    def _is_one_of_them(self) -> FoldHeldOut:
        if self.fold >= self.of:
            raise ValueError(f"fold {self.fold} is not in 0…{self.of - 1}")
        return self


class ColumnHeldOut(Part):
    """The images whose `column` of the index has this value."""

    column: str
    value: str


class Block(Part):
    """Neighbouring B-scans `first` to `last` of a scan that are held out.

    `gap` further ones on each side are used by neither side: they look too much alike.
    """

    scan: str
    first: Count
    last: Count
    gap: Count = 1

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Block:
        if self.last < self.first:
            raise ValueError(f"block {self.first} to {self.last} of {self.scan}")
        return self


class BlocksHeldOut(Part):
    """Blocks of B-scans of a data set: for ground truth of one patient alone."""

    blocks: Annotated[tuple[Block, ...], Field(min_length=1)]


Validation = (
    tuple[str, ...]
    | tuple[int, int]
    | FractionHeldOut
    | FoldHeldOut
    | ColumnHeldOut
    | BlocksHeldOut
)


class Pictures(Part):
    """Images in a folder, and how they are read.

    folder, images
        Folder below the data root; pattern of the images.
    exclude
        Names (without suffix) of images to leave out.
    channel, invert
        Which channel of a colour image; whether dark and bright change places.
    spacing_um
        (axial, lateral) µm, where known and not in the files.
    devices, description, licence, reference
        For the card.
    """

    name: str
    folder: str = ""
    images: str = "images/*"
    exclude: tuple[str, ...] = ()
    channel: Literal["grey", "red", "green", "blue"] = "grey"
    invert: bool = False
    spacing_um: tuple[Micrometres, Micrometres] | None = None
    devices: str = ""
    description: str = ""
    licence: str = ""
    reference: str = ""


class Target(Pictures):
    """Unlabelled scans whose look training scans are given (by SVDNA).

    source
        Name of a labelled source whose training scans it is, instead of a folder of its
        own: held-out scans are not looked at.
    scans
        Files of scans, of one or many B-scans, instead of a folder.
    n_most
        Take this many of the images at most, evenly spread over the folder or the
        scans.
    """

    source: str = ""
    scans: tuple[str, ...] = ()
    n_most: Positive = 48


class Source(Pictures):
    """One data set: where its scans are and what its label codes may stand for.

    kind
        ``images``: pictures in a folder, B-scans or en-face images as the recipe's
        ``input.plane`` says. ``phantom``: synthetic scans. ``ground truth``: the data
        set (`groundtruth.DataSet`) in `folder`, its graded B-scans.
    labels, mask
        Label file of an image, and the file that is 0 where it must not be looked at
        (outside of the field of view; empty: there is none). ``{stem}`` is the image's
        name, ``{number}`` the last number in it as it is written.
    neighbours
        Images whose names differ in the last number only, by one, are neighbouring
        B-scans of a volume. Otherwise each image is a scan of its own.
    codes
        Label code → the classes it may stand for. Two codes mean the same or have no
        class in common; codes that are not listed are ignored. Unlike in all other
        labels, 255 is a code like any other here.
    index, patient
        CSV file below `folder` with a column ``file`` (the images, with or without
        suffix), and its column that tells the patient. Without an index `patient` is a
        regular expression whose first group, searched in the name, is the patient.
        Both empty: each image is a patient of its own, and with `neighbours` all
        images whose names differ in the last number only are one.
    validation
        What is held out. Names (without suffix) of images or patients; a range of
        image numbers ``[first, last]``, because neighbouring numbers may be one volume;
        or one of `FractionHeldOut`, `FoldHeldOut`, `ColumnHeldOut`. Of ground truth:
        names of patients or scans, or `BlocksHeldOut`.
    ignore_boxes
        (top, left, bottom, right) as shares of the image: burnt-in text and icons.
    ignore_white_columns
        Ignore columns that are nearly all white (a burnt-in cursor line).
    ignore_white
        Ignore white areas at the edge of the image, as registration leaves.
    data_set
        `DataSet.id` of ground truth, which it keeps wherever it is moved.
    versions
        Scan of a data set → the version of its labels; empty takes the newest ones.
    human_weight
        Of ground truth: how much a column that a person drew counts, where one that
        was accepted as it is counts 1.
    n_most, n_most_held_out
        Use this many of the images to train on, and of those held out, at most, evenly
        spread; 0 takes all. Images that have `neighbours` all stay.
    weight
        Share of the training samples, relative to the other sources.
    focus, focus_codes
        Chance that a crop is centred on a pixel of one of these label codes, where the
        image has any.
    roi
        Chance that another crop is centred, in depth, on where there is something to
        see (`roi.entropy_roi`). Only crops lower than the image need it.
    keep_empty
        Chance that a crop without any of `focus_codes` is kept, not drawn anew.
    n_phantoms, n_bscans
        How many synthetic volumes, of how many B-scans each.
    findings
        Give half of the phantoms one to three findings.
    truth
        What is labelled in a phantom. ``layers``: codes of `phantom.LAYER_SET`.
        ``findings``: codes of `phantom.FINDING_SET`. ``biomarkers``: these, and
        `phantom_source.HEALTHY` for what is left of retina and inner choroid.
        ``vessels``: 1 is a vessel in an en-face projection.
    """

    kind: Literal["images", "phantom", "ground truth"] = "images"
    labels: str = "labels/{stem}.png"
    mask: str = ""
    neighbours: bool = False
    codes: dict[int, tuple[str, ...]] = Field(default_factory=dict)
    index: str = ""
    patient: str = ""
    validation: Validation = ()
    ignore_boxes: tuple[tuple[Share, Share, Share, Share], ...] = ()
    ignore_white_columns: bool = False
    ignore_white: bool = False
    data_set: str = ""
    versions: dict[str, Positive] = Field(default_factory=dict)
    human_weight: Annotated[float, Field(gt=0)] = 2.0
    n_most: Count = 0
    n_most_held_out: Count = 0
    weight: Annotated[float, Field(ge=0)] = 1.0
    focus: Share = 0.0
    focus_codes: tuple[int, ...] = ()
    roi: Share = 0.0
    keep_empty: Annotated[float, Field(gt=0, le=1)] = 1.0
    n_phantoms: Count = 0
    n_bscans: Positive = 1
    findings: bool = False
    truth: Literal["layers", "findings", "biomarkers", "vessels"] = "layers"

    @model_validator(mode="after")
    def _meanings_do_not_overlap(self) -> Source:
        if not self.codes or not all(self.codes.values()):
            raise ValueError(f"codes of {self.name}: every source and code needs some")
        strange = [code for code in self.codes if not 0 <= code <= IGNORE]
        if strange:
            raise ValueError(f"codes of {self.name}: {strange} are not in 0…{IGNORE}")
        meanings = {frozenset(classes) for classes in self.codes.values()}
        names = [name for meaning in meanings for name in meaning]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise ValueError(
                f"codes of {self.name}: {doubled} occur in two different meanings"
            )
        return self

    @model_validator(mode="after")
    def _split_is_of_its_kind(self) -> Source:
        if isinstance(self.validation, BlocksHeldOut) and self.kind != "ground truth":
            raise ValueError(f"validation of {self.name}: blocks are of ground truth")
        by_name = isinstance(self.validation, tuple) and not any(
            isinstance(one, int) for one in self.validation
        )
        is_named = by_name or isinstance(self.validation, BlocksHeldOut)
        if self.kind == "ground truth" and not is_named:
            raise ValueError(
                f"validation of {self.name}: of ground truth patients, scans or blocks "
                "are named"
            )
        return self

    @model_validator(mode="after")
    def _focus_is_on_codes(self) -> Source:
        unknown = [code for code in self.focus_codes if code not in self.codes]
        if unknown:
            raise ValueError(
                f"focus_codes of {self.name}: {unknown} are not among its codes "
                f"{sorted(self.codes)}"
            )
        if not self.focus_codes and (self.focus > 0 or self.keep_empty < 1):
            raise ValueError(f"{self.name}: focus and keep_empty need focus_codes")
        return self

    @model_validator(mode="after")
    def _files_can_be_found(self) -> Source:
        for field, pattern in (("labels", self.labels), ("mask", self.mask)):
            try:
                pattern.format(stem="", number="")
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(
                    f"{field} of {self.name}: {pattern!r} may hold {{stem}} and "
                    "{number}, nothing else in braces"
                ) from error
        if isinstance(self.validation, ColumnHeldOut) and not self.index:
            raise ValueError(f"validation of {self.name}: a column needs an index")
        if self.patient and not self.index:
            try:
                groups = re.compile(self.patient).groups
            except re.error as error:
                raise ValueError(f"patient of {self.name}: {error}") from error
            if not groups:
                raise ValueError(
                    f"patient of {self.name}: {self.patient!r} has no group in "
                    "parentheses"
                )
        return self
