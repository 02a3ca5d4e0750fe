"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_octseg.errors import WriteError

DEFAULT_MODEL = "octid-unet"
Device = Annotated[
    str, typer.Option(help="auto, cuda, cuda:1, mps or cpu; auto takes the best.")
]
Data = Annotated[Path, typer.Option(help="Folder that holds the recipe's data sets.")]


def refuse_existing(files: list[Path]) -> None:
    """Check that a command would replace nothing.

    Raises
    ------
    WriteError
        If one of the files is there.
    """
    there = [file for file in files if file.exists()]
    if there:
        raise WriteError(
            f"{there[0]} is there already"
            + (f", and so are {len(there) - 1} others" if there[1:] else ""),
            todo="use --overwrite to replace, or give another folder",
        )
