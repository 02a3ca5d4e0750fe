from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_octseg.engine.data.source import Source
from napari_octseg.engine.data.split import Entry, evenly_spread, list_source
from napari_octseg.errors import RecipeError

NAMES = [f"{eye}-{number}" for eye in ("A", "B", "C", "D", "E") for number in (1, 2)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten empty pictures of five patients; listing them reads no pixels."""
    root = tmp_path_factory.mktemp("split")
    (root / "images").mkdir()
    lines = ["file,patient,side"]
    for name in NAMES:
        (root / "images" / f"{name}.png").touch()
        lines.append(f"{name}.png,{name[0]},{'val' if name[0] == 'C' else 'train'}")
    (root / "index.csv").write_text("\n".join(lines))
    (root / "bare.csv").write_text(
        "\n".join(line.replace(".png", "") for line in lines)
    )
    return root


def entries(root: Path, **values: Any) -> list[Entry]:
    codes = {"0": ["background"]}
    return list_source(
        Source.model_validate({"name": "x", "codes": codes, **values}), root
    )


def held_out(root: Path, **values: Any) -> list[str]:
    return [entry.name for entry in entries(root, **values) if entry.held_out]


@pytest.mark.parametrize("index", ["index.csv", "bare.csv"])
def test_an_index_tells_the_patients(root: Path, index: str) -> None:
    found = entries(root, index=index, patient="patient")
    assert [entry.patient for entry in found] == [name[0] for name in NAMES]


def test_a_name_tells_the_patient(root: Path) -> None:
    found = entries(root, patient=r"^(\w)-")
    assert [entry.patient for entry in found] == [name[0] for name in NAMES]


def test_without_a_rule_each_image_is_a_patient_of_its_own(root: Path) -> None:
    assert [entry.patient for entry in entries(root)] == NAMES


def test_patients_can_be_held_out_by_name(root: Path) -> None:
    values = {"index": "index.csv", "patient": "patient"}
    assert held_out(root, **values, validation=["B", "D"]) == [
        "B-1",
        "B-2",
        "D-1",
        "D-2",
    ]


def test_a_column_of_the_index_can_tell_what_is_held_out(root: Path) -> None:
    rule = {"column": "side", "value": "val"}
    assert held_out(root, index="index.csv", validation=rule) == ["C-1", "C-2"]


@settings(max_examples=30, deadline=None)
@given(fraction=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_a_fraction_holds_whole_patients_out(
    root: Path, fraction: float, seed: int
) -> None:
    rule = {"fraction": fraction, "seed": seed}
    found = entries(root, patient=r"^(\w)-", validation=rule)
    out = {entry.patient for entry in found if entry.held_out}
    kept = {entry.patient for entry in found if not entry.held_out}
    assert not out & kept
    assert len(out) == max(1, round(fraction * 5))


def test_folds_hold_each_patient_out_once(root: Path) -> None:
    rules = [{"fold": fold, "of": 3, "seed": 1} for fold in range(3)]
    out = [held_out(root, patient=r"^(\w)-", validation=rule) for rule in rules]
    assert sorted(name for fold in out for name in fold) == NAMES
    assert out != [
        held_out(root, patient=r"^(\w)-", validation={**rule, "seed": 2})
        for rule in rules
    ]


def test_excluded_images_are_left_out(root: Path) -> None:
    found = entries(root, exclude=["B-2"])
    assert [entry.name for entry in found] == [n for n in NAMES if n != "B-2"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"patient": r"^(\w)-", "validation": ["B-1"]}, "B of 'x' are partly"),
        ({"patient": r"^(\w)-", "validation": [2, 2]}, "partly held out"),
        ({"patient": r"(\d\d)"}, "A-1.*no patient"),
        ({"exclude": ["Z-1"]}, "exclude.*Z-1"),
        ({"validation": ["Z"]}, "validation.*Z"),
        ({"index": "nowhere.csv"}, r"nowhere\.csv"),
        ({"index": "index.csv", "patient": "eye"}, "no column 'eye'"),
        (
            {"index": "index.csv", "validation": {"column": "side", "value": "x"}},
            "side 'x'.*train, val",
        ),
        ({"images": "*.jpg"}, r"No images \*\.jpg"),
    ],
)
def test_a_split_that_contradicts_itself_is_refused(
    root: Path, values: dict[str, object], told: str
) -> None:
    with pytest.raises(RecipeError, match=told):
        entries(root, **values)


def test_an_image_that_the_index_does_not_list_is_named(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/F-1.png").touch()
    (tmp_path / "index.csv").write_text((root / "index.csv").read_text())
    with pytest.raises(RecipeError, match="does not list F-1"):
        entries(tmp_path, index="index.csv")


def test_phantoms_are_patients(tmp_path: Path) -> None:
    found = entries(tmp_path, kind="phantom", n_phantoms=3, validation=[2, 2])
    assert [(e.patient, e.held_out) for e in found] == [
        ("phantom-0", False),
        ("phantom-1", False),
        ("phantom-2", True),
    ]


def test_bscans_of_one_volume_are_one_patient(root: Path) -> None:
    found = entries(root, neighbours=True)
    assert [entry.patient[0] for entry in found] == [name[0] for name in NAMES]
    assert len({entry.patient for entry in found}) == 5
    halves = {"fraction": 0.4, "seed": 3}
    kept = held_out(root, neighbours=True, validation=halves)
    assert len(kept) == 4
    with pytest.raises(RecipeError, match="partly held out"):
        entries(root, neighbours=True, validation=["A-1"])


def test_as_many_images_as_asked_for_stay_on_each_side(root: Path) -> None:
    rule = {"index": "index.csv", "patient": "patient", "validation": ["B", "D"]}
    some = entries(root, **rule, n_most=3, n_most_held_out=2)
    every = entries(root, **rule)
    assert [entry for entry in every if entry in some] == some
    assert sum(entry.held_out for entry in some) == 2
    assert sum(not entry.held_out for entry in some) == 3
    assert entries(root, **rule, n_most=99, n_most_held_out=99) == every


def test_neighbours_are_not_thinned_out(root: Path) -> None:
    assert len(entries(root, neighbours=True, n_most=2)) == len(NAMES)


@given(st.integers(0, 40), st.integers(1, 40))
def test_spread_items_keep_their_order_and_both_ends(n: int, most: int) -> None:
    found = evenly_spread(range(n), most)
    assert len(found) == len(set(found)) == min(n, most)
    assert found == sorted(found)
    if n and most > 1:
        assert (found[0], found[-1]) == (0, n - 1)
