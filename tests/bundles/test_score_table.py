import csv
import io

from napari_octseg.bundles.score import Score, Support
from napari_octseg.bundles.score_table import score_table


def test_every_figure_is_a_row() -> None:
    score = Score(
        data='a "set", small',
        split="held out",
        n_images=4,
        n_patients=3,
        dice={"IRF": 0.75},
        dice_interval={"IRF": (0.5, 0.875)},
        boundary_mae_um={"ILM": 4.8},
        support={"IRF": Support(n_images=2, n_patients=1)},
    )
    old = Score(data="old", split="held out", n_images=1, dice={"RNFL": 0.9})
    rows = list(csv.DictReader(io.StringIO(score_table([score, old]))))
    assert [(r["name"], r["figure"], float(r["value"])) for r in rows[:-1]] == [
        ("IRF", "dice", 0.75),
        ("IRF", "dice_low", 0.5),
        ("IRF", "dice_high", 0.875),
        ("IRF", "labelled_images", 2),
        ("IRF", "labelled_patients", 1),
        ("ILM", "boundary_mae_um", 4.8),
    ]
    assert rows[0]["data"] == 'a "set", small'
    assert (rows[0]["n_patients"], rows[-1]["n_patients"]) == ("3", "")
