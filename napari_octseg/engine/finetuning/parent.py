"""What a fine-tuning begins with: the model's recipe, and the graded B-scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.engine.finetuning.hold_out import GradedOf
from napari_octseg.engine.recipe import Recipe, read_recipe
from napari_octseg.errors import RecipeError
from napari_octseg.groundtruth.json_files import read_json
from napari_octseg.groundtruth.versions import VERSION_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.registry import Bundle
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


def graded_scans(
    data_set: DataSet, seen: Mapping[str, frozenset[int]]
) -> list[GradedOf]:
    """All scans of a data set with graded B-scans; pixels are not read.

    Parameters
    ----------
    data_set
        Ground truth.
    seen
        As `seen.trained_on` gives them: what the model was trained on already.

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
