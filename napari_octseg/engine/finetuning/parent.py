"""What is known of the model that is fine-tuned: its recipe, and what it has seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.engine.data.graded_source import graded_entries, scan_and_index
from napari_octseg.engine.finetuning.hold_out import GradedOf
from napari_octseg.engine.finetuning.replay import graded_patients
from napari_octseg.engine.learning.first_weights import ancestors
from napari_octseg.engine.recipe import Recipe, read_recipe
from napari_octseg.errors import RecipeError
from napari_octseg.groundtruth.json_files import read_json
from napari_octseg.groundtruth.versions import VERSION_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.registry import Bundle
    from napari_octseg.engine.data.source import Source
    from napari_octseg.groundtruth.data_set import DataSet

_USUAL_RATE = 1e-3
_USUAL_CROP = (512, 256)


def parent_recipe(bundle: Bundle) -> Recipe:
    """The recipe that a model was trained by, with what its card says of it now.

    Of a model without a recipe, one without sources is made of its card.
    """
    assert bundle.card is not None  # `find_bundle` finds usable ones only
    path = bundle.folder / "recipe.json"
    if not path.is_file():
        return _from_card(bundle.card)
    recipe = read_recipe(path)
    # An adapted model prepares its scans otherwise than the one that it was made of.
    told = {
        "name": bundle.card.name,
        "title": bundle.card.title,
        "architecture": bundle.card.architecture,
        "input": bundle.card.input,
        "postprocess": bundle.card.postprocess,
    }
    return recipe.model_copy(update=told)


def _from_card(card: ModelCard) -> Recipe:
    most = card.input.size or _USUAL_CROP
    step = card.input.divisor
    rows, columns = (
        max(step, min(side, usual) // step * step)
        for side, usual in zip(most, _USUAL_CROP, strict=True)
    )
    if card.input.intensity == "column_l2":
        rows = most[0]  # a column is divided by its norm: it must be whole
    return Recipe(
        name=card.name,
        version=card.version,
        title=card.title,
        description=card.description,
        limits=card.limits,
        licence=card.licence,
        reference=card.reference,
        architecture=card.architecture,
        classes=card.label_set.names,
        original_classes=card.original_classes,
        layers=card.layers,
        input=card.input,
        postprocess=card.postprocess,
        sources=(),
        split="",
        crop=(rows, columns),
        n_steps=1,
        learning_rate=_USUAL_RATE,
    )


def trained_on(
    model: str, data_set: DataSet, root: Path | None
) -> dict[str, frozenset[int]]:
    """B-scans of a data set that a model or one of its ancestors was trained on.

    So are all of a patient who was trained on in another data set: it may be the same
    scan there.

    Parameters
    ----------
    model
        Name or folder of its bundle.
    data_set
        Ground truth.
    root
        Root of the folders that recipes name.

    Returns
    -------
    Name of the scan → its B-scans; scans that nobody was trained on are missing.

    Raises
    ------
    RecipeError
        If versions that a model was trained on are gone.
    """
    seen: dict[str, set[int]] = {}
    patients: set[str] = set()
    for earlier, _ in ancestors(model):
        for source in earlier.sources:
            if not _is_of(source, data_set):
                patients |= graded_patients(source, root, held_out=False)
                continue
            moved = source.model_copy(
                update={"folder": str(data_set.folder.absolute())}
            )
            for entry in graded_entries(moved, Path()):
                if not entry.held_out:
                    name, index = scan_and_index(entry)
                    seen.setdefault(name, set()).add(index)
    for scan in data_set.scans():
        if scan.patient in patients:
            seen.setdefault(scan.name, set()).update(scan.newest.graded_bscans)
    return {name: frozenset(own) for name, own in seen.items()}


def _is_of(source: Source, data_set: DataSet) -> bool:
    return source.kind == "ground truth" and source.data_set == data_set.id


def graded_scans(
    data_set: DataSet, seen: Mapping[str, frozenset[int]]
) -> list[GradedOf]:
    """All scans of a data set with graded B-scans; pixels are not read.

    Parameters
    ----------
    data_set
        Ground truth.
    seen
        As `trained_on` gives it.

    Raises
    ------
    ReadError
        If a scan is damaged.
    RecipeError
        If nothing is graded.
    """
    found = []
    for entry in data_set.scans():
        newest = entry.newest
        if not newest.n_graded_bscans:
            continue
        facts = read_json(newest.folder / VERSION_FILE)["volume"]
        found.append(
            GradedOf(
                entry.name,
                entry.patient,
                newest.graded_bscans,
                newest.number,
                facts["device"] or "",
                facts["spacing_um"][0],
                seen.get(entry.name, frozenset()),
            )
        )
    if not found:
        raise RecipeError(
            f"Nothing in the data set {data_set.name} is graded",
            todo="add corrected or reviewed B-scans to it",
        )
    return found
