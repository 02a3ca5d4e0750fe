import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_octseg.engine.data.datasets import (
    code_table,
    load_source,
    on_network_grid,
)
from napari_octseg.engine.data.source import Source
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import RecipeError
from napari_octseg.labels import IGNORE


def test_codes_are_numbered_in_anatomical_order(recipe: Recipe) -> None:
    table = code_table(recipe.sources[0], recipe.classes)
    assert table.names == ("background", "RNFL", "GCIPL")
    assert table.mapping == {0: 0, 7: 1, 3: 2}


def test_codes_with_one_meaning_become_one() -> None:
    source = Source(name="x", codes={0: ("bg",), 6: ("EZ",), 7: ("EZ",)})
    table = code_table(source, ("bg", "EZ"))
    assert table.mapping == {0: 0, 6: 1, 7: 1}
    assert table.membership == ((True, False), (False, True))


def test_bscans_come_in_natural_order_with_their_labels(
    recipe: Recipe, data: Path
) -> None:
    bscans = load_source(recipe.sources[0], data, recipe)
    assert [b.name for b in bscans] == [f"scan{n}" for n in (1, 2, 3, 4, 5, 10)]
    assert set(np.unique(bscans[0].codes)) == {0, 1, 2}


def test_burnt_in_marks_are_not_graded(recipe: Recipe, data: Path) -> None:
    bscan = load_source(recipe.sources[1], data, recipe)[0]
    assert (bscan.codes[:, 20] == IGNORE).all()
    assert (bscan.codes[:9, :8] == IGNORE).all()
    assert (bscan.codes[12:, 30] != IGNORE).all()


def test_held_out_are_the_named_ones_or_a_whole_block(
    recipe: Recipe, data: Path
) -> None:
    named, block = (load_source(s, data, recipe) for s in recipe.sources)
    assert [b.name for b in named if b.held_out] == ["scan10"]
    assert [b.name for b in block if b.held_out] == [
        "scan4",
        "scan5",
    ]


def test_missing_data_say_where_they_were_looked_for(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="stripes"):
        load_source(recipe.sources[0], tmp_path / "elsewhere", recipe)
    shutil.copytree(data, tmp_path / "copy")
    (tmp_path / "copy/stripes/labels/scan3.png").unlink()
    with pytest.raises(RecipeError, match=r"scan3\.png has no labels"):
        load_source(recipe.sources[0], tmp_path / "copy", recipe)


def test_the_network_grid_keeps_layers_in_place(recipe: Recipe, data: Path) -> None:
    bscan = load_source(recipe.sources[0], data, recipe)[0]
    spec = recipe.input.model_copy(update={"size": (96, 80)})
    image, codes = on_network_grid(bscan, spec)
    assert image.shape == (1, 96, 80)
    assert codes.shape == (96, 80)
    native = np.argmax(bscan.codes[:, 11] > 0)
    assert abs(int(np.argmax(codes[:, 22].numpy() > 0)) / 2 - native) <= 0.5


def test_phantoms_are_a_source_like_any_other(recipe: Recipe, data: Path) -> None:
    source = Source(
        name="phantom",
        kind="phantom",
        n_phantoms=2,
        findings=True,
        codes={0: ("background",), 1: ("RNFL",), 2: ("GCIPL",), 3: ("GCIPL",)},
    )
    first, second = load_source(source, data, recipe)
    assert set(np.unique(first.codes)) == {0, 1, 2, IGNORE}
    assert first.codes.shape == first.volume.shape[1:]
    assert not np.array_equal(first.volume.bscan(0), second.volume.bscan(0))


def test_held_out_phantoms_alone_are_those_among_all(recipe: Recipe) -> None:
    source = Source(
        name="made",
        kind="phantom",
        n_phantoms=3,
        findings=True,
        codes={0: ("background",), 1: ("RNFL",)},
        validation=("phantom-1",),
    )
    every = load_source(source, Path(), recipe)
    (alone,) = load_source(source, Path(), recipe, only_held_out=True)
    assert [scan.held_out for scan in every] == [False, True, False]
    assert alone.name == "phantom-1"
    np.testing.assert_array_equal(alone.volume.data, every[1].volume.data)
    np.testing.assert_array_equal(alone.codes, every[1].codes)


def test_number_0_is_the_background_also_where_nobody_labels_it() -> None:
    source = Source(name="x", codes={1: ("RNFL",), 2: ("GCIPL",)})
    table = code_table(source, ("background", "RNFL", "GCIPL"))
    assert table.names == ("background", "RNFL", "GCIPL")
    assert table.mapping == {1: 1, 2: 2}
    assert table.membership[0] == (True, False, False)
