"""Ground truth as a source of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_octseg.engine.data.datasets import load_source
from napari_octseg.engine.data.graded_source import scan_and_index
from napari_octseg.engine.data.sampling import load_training_set
from napari_octseg.engine.data.source import Source
from napari_octseg.engine.data.split import list_source
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import ReadError, RecipeError
from napari_octseg.labels import IGNORE
from tests.engine.graded import four_patients, graded_scan, graded_set

CODES = {0: ["background"], 1: ["RNFL"], 2: ["GCIPL"]}


def source_of(folder: Path, **values: Any) -> Source:
    given = {"name": "mine", "kind": "ground truth", "folder": str(folder)}
    return Source.model_validate({**given, "codes": CODES, **values})


def graded_recipe(recipe: Recipe, folder: Path, **values: Any) -> Recipe:
    sources = [source_of(folder, **values).model_dump()]
    return Recipe.model_validate({**recipe.model_dump(), "sources": sources})


def sides(source: Source) -> dict[str, bool]:
    return {entry.name: entry.held_out for entry in list_source(source, Path())}


def test_graded_bscans_are_listed_and_patients_held_out(tmp_path: Path) -> None:
    four_patients(tmp_path / "ds")
    found = sides(source_of(tmp_path / "ds", validation=["P3"]))
    assert found == {f"P{n}-a/{i}": n == 3 for n in range(4) for i in (0, 3)}


def test_the_gap_beside_a_block_is_on_neither_side(tmp_path: Path) -> None:
    graded_set(tmp_path / "ds", graded_scan("P1", range(10)))
    block = {"scan": "P1-a", "first": 4, "last": 5, "gap": 2}
    source = source_of(tmp_path / "ds", validation={"blocks": [block]})
    found: dict[bool, list[int]] = {True: [], False: []}
    for entry in list_source(source, Path()):
        found[entry.held_out].append(scan_and_index(entry.name)[1])
    assert found == {True: [4, 5], False: [0, 1, 8, 9]}


def test_a_bscan_keeps_its_volume_and_what_is_not_graded_is_ignored(
    tmp_path: Path, recipe: Recipe
) -> None:
    scan = graded_scan("P1", [2], n_bscans=5)
    scan.labels[2, :, :7] = IGNORE
    graded_set(tmp_path / "ds", scan)
    (bscan,) = load_source(source_of(tmp_path / "ds"), Path(), recipe)
    assert (bscan.index, bscan.patient) == (2, "P1")
    assert np.array_equal(bscan.volume.data, scan.volume.data)
    assert np.array_equal(bscan.codes, scan.labels[2])
    assert (bscan.codes[:, :7] == IGNORE).all()


def test_neighbours_are_those_of_the_volume(tmp_path: Path, recipe: Recipe) -> None:
    scan = graded_scan("P1", [1], n_bscans=3)
    graded_set(tmp_path / "ds", scan)
    values = {**recipe.model_dump(), "layers": ()}
    values["input"] = {"n_neighbours": 1, "divisor": 2, "size": scan.volume.shape[1:]}
    values["sources"] = [source_of(tmp_path / "ds").model_dump()]
    (sample,) = load_training_set(Recipe.model_validate(values), Path()).train
    shown = np.stack([scan.volume.bscan_as_shown(i) for i in range(3)])
    assert np.array_equal(sample.image.numpy(), shown)


def test_versions_and_later_scans_do_not_change_a_recipe(tmp_path: Path) -> None:
    data_set = graded_set(tmp_path / "ds", graded_scan("P1", [0, 1]))
    pinned = source_of(tmp_path / "ds", versions={"P1-a": 1})
    data_set.add(graded_scan("P1", [0, 1, 2], n_bscans=3))
    data_set.add(graded_scan("P2", [0], first_seed=7))
    data_set.add(graded_scan("P1", [0], n_bscans=2))
    assert sorted(sides(pinned)) == ["P1-a/0", "P1-a/1"]
    newest = {name.partition("/")[0] for name in sides(source_of(tmp_path / "ds"))}
    assert {"P1-a", "P2-a"} <= newest


def test_human_columns_count_twice_and_only_those(
    tmp_path: Path, recipe: Recipe
) -> None:
    scan = graded_scan("P1", [0], human=slice(10, 20))
    graded_set(tmp_path / "ds", scan, graded_scan("P2", [0], first_seed=3))
    first, second = load_source(source_of(tmp_path / "ds"), Path(), recipe)
    assert first.weights is not None
    assert first.weights.tolist() == [1] * 10 + [2] * 10 + [1] * 20
    assert second.weights is None


def test_weights_follow_the_columns_into_a_batch(
    tmp_path: Path, recipe: Recipe
) -> None:
    scan = graded_scan("P1", [0], human=slice(0, 20))
    scan.labels[0, :, :20], scan.labels[0, :, 20:] = 1, 2
    graded_set(tmp_path / "ds", scan)
    loaded = load_training_set(graded_recipe(recipe, tmp_path / "ds"), Path())
    batch = loaded.batch(6)
    assert batch.weights is not None
    assert batch.weights.shape == batch.codes.shape
    labelled = batch.codes != IGNORE
    # Within half a pixel of where both meet, and of the edge, weights are in between.
    expected = torch.where(batch.codes == 1, 2.0, 1.0)
    same = ((batch.weights - expected).abs() < 1e-3)[labelled].float().mean()
    assert float(same) > 0.9
    part = batch.part(2, 4)
    assert part.weights is not None
    assert torch.equal(part.weights, batch.weights[2:4])


def test_without_provenance_a_batch_has_no_weights(
    tmp_path: Path, recipe: Recipe
) -> None:
    graded_set(tmp_path / "ds", graded_scan("P1", [0]))
    loaded = load_training_set(graded_recipe(recipe, tmp_path / "ds"), Path())
    assert loaded.batch(2).weights is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"validation": ["nobody"]}, "no nobody"),
        ({"exclude": ["nothing"]}, "no nothing"),
        ({"versions": {"nothing": 1}}, "no nothing"),
        (
            {"validation": {"blocks": [{"scan": "X", "first": 0, "last": 1}]}},
            "no X",
        ),
    ],
)
def test_names_that_are_not_there_are_told(
    tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    graded_set(tmp_path / "ds", graded_scan("P1", [0]))
    with pytest.raises(RecipeError, match=said):
        list_source(source_of(tmp_path / "ds", **values), Path())


def test_a_missing_data_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="holds no data set"):
        list_source(source_of(tmp_path / "ds"), Path())


def test_a_volume_is_no_enface_image(tmp_path: Path, recipe: Recipe) -> None:
    graded_set(tmp_path / "ds", graded_scan("P1", [0], n_bscans=2))
    enface = recipe.model_copy(
        update={"input": recipe.input.model_copy(update={"plane": "enface"})}
    )
    with pytest.raises(RecipeError, match="has 2 B-scans"):
        load_source(source_of(tmp_path / "ds"), Path(), enface)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"validation": {"fraction": 0.5}}, "patients, scans or blocks"),
        ({"validation": [1, 2]}, "patients, scans or blocks"),
        (
            {
                "kind": "images",
                "validation": {"blocks": [{"scan": "a", "first": 0, "last": 0}]},
            },
            "blocks are of ground truth",
        ),
    ],
)
def test_each_kind_is_split_in_its_own_way(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        source_of(Path("x"), **values)


def test_entries_name_scan_and_bscan(tmp_path: Path) -> None:
    graded_set(tmp_path / "ds", graded_scan("P1", [3]))
    (entry,) = list_source(source_of(tmp_path / "ds"), Path())
    assert scan_and_index(entry.name) == ("P1-a", 3)
