from pathlib import Path

import pytest
from pydantic import ValidationError

from napari_octseg.bundles.score import (
    Confusion,
    Score,
    Support,
    merged,
    read_scores,
    write_scores,
)
from napari_octseg.errors import CardError

SCORE = Score(
    data="set",
    split="held out",
    n_images=4,
    n_patients=3,
    dice={"mean": 0.75, "IRF": 0.75},
    dice_interval={"IRF": (0.5, 0.875)},
    support={"IRF": Support(n_images=2, n_patients=1)},
    confusion=Confusion(
        labelled=("background", "IRF"),
        predicted=("background", "IRF", "SRF"),
        n_pixels=((9, 1, 0), (2, 7, 1)),
    ),
)


def test_support_speaks_english() -> None:
    assert str(Support(n_images=1, n_patients=1)) == "1 image of 1 patient"
    assert str(Support(n_images=4, n_patients=2)) == "4 images of 2 patients"


def test_scores_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    write_scores([SCORE, SCORE.model_copy(update={"data": "other"})], path)
    first, second = read_scores(path)
    assert first == SCORE
    assert second.data == "other"


def test_scores_from_before_say_nothing_of_where_boundaries_were_found(
    tmp_path: Path,
) -> None:
    path = tmp_path / "scores.json"
    path.write_text(
        '[{"data": "set", "split": "x", "n_images": 1, "boundary_mae_px": {"ILM": 1}}]'
    )
    (score,) = read_scores(path)
    assert score.boundary_judged == {}
    newer = score.model_copy(update={"boundary_judged": {"ILM": 0.25}})
    write_scores([newer], path)
    assert read_scores(path) == (newer,)


def test_rows_of_numbers_are_written_as_rows(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    odd = 'says "[\n1,\n2\n]"'
    write_scores([SCORE.model_copy(update={"note": odd})], path)
    assert "[9, 1, 0]" in path.read_text()
    assert read_scores(path)[0].note == odd


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[{"data": "set", "split": "x"}]', "0.n_images"),
        ("{}", "scores"),
        ("[", "JSON"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "scores.json"
    path.write_text(text)
    with pytest.raises(CardError, match=told):
        read_scores(path)
    with pytest.raises(CardError, match="cannot be read"):
        read_scores(tmp_path / "none.json")


def test_later_scores_replace_those_of_the_same_data_and_split() -> None:
    better = SCORE.model_copy(update={"dice": {"IRF": 0.8}})
    crossed = SCORE.model_copy(update={"split": "leave one scan out"})
    assert merged([SCORE], [crossed, better]) == (better, crossed)


def test_a_ragged_confusion_is_refused() -> None:
    with pytest.raises(ValidationError, match="not 2 rows of 2"):
        Confusion(labelled=("a", "b"), predicted=("a", "b"), n_pixels=((1, 2), (3,)))
