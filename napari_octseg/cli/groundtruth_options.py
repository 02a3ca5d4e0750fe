"""Options that several commands for ground truth have."""

# Typer reads these types while the program runs.
from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(help="Folder of the data set.")]
Patient = Annotated[
    str,
    typer.Option(
        help="Name or number of the patient, or a pseudonym; only a pseudonym is kept."
    ),
]
Name = Annotated[
    str,
    typer.Option(
        help="Name of the scan. By default one made from its pixels: names of files "
        "often tell that of the patient."
    ),
]
Mapping = Annotated[
    Path | None,
    typer.Option(
        "--map", help="Table (CSV) of which class becomes which; see --write-map."
    ),
]
NoneOf = Annotated[
    list[str] | None,
    typer.Option(
        "--none",
        help="A finding of the data set that the labels have no class for, and of "
        "which there is none; may be repeated. Else background is not graded.",
    ),
]

Replaces = Annotated[
    bool,
    typer.Option(
        "--replace",
        help="Let B-scans and columns that are graded in the data set, but not here, "
        "drop out of use. By default they stay.",
    ),
]
