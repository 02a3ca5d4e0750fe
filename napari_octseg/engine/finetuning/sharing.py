"""What a bundle tells of how it was made: nothing of its maker's files and folders.

Bundles are passed on. Names of scans may hold names of patients, and folders those of
people; a recipe and the settings of a fine-tuning have both.
"""

from __future__ import annotations

from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from napari_octseg.engine.data.places import remember_place

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDERS = ("model", "data_set", "run", "replay")


def shareable_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe without the paths of scans, of ground truth, and of the parent.

    The ids of data sets stay, so that `places.data_set_of` finds them on the computer
    where they are. Of unlabelled scans it stays how many there were.

    Parameters
    ----------
    recipe
        As JSON holds it.
    """
    return {
        **recipe,
        "start": name_of(recipe.get("start", "")),
        "sources": [_source(one) for one in recipe.get("sources", ())],
        "targets": [_target(one) for one in recipe.get("targets", ())],
    }


def shareable_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with names for folders, and with the number of unlabelled scans.

    Parameters
    ----------
    settings
        As `FineTuneSettings.to_json` gives them.
    """
    told = dict(settings)
    for key in _FOLDERS:
        if told.get(key) is not None:
            told[key] = name_of(told[key])
    if "unlabelled" in told:
        told["unlabelled"] = len(told["unlabelled"])
    return told


def remember_places(recipe: Mapping[str, Any]) -> None:
    """Note on this computer what `shareable_recipe` takes out of a recipe.

    Raises
    ------
    OSError
        If that cannot be written.
    """
    for source in recipe.get("sources", ()):
        if source.get("data_set") and Path(source.get("folder", "")).is_absolute():
            folder = Path(source["folder"])
            remember_place("data set", source["data_set"], folder)
    start = Path(recipe.get("start", ""))
    if start.is_absolute():
        remember_place("model", start.name, start)


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    if source.get("kind") != "ground truth":
        return dict(source)
    return {**source, "folder": name_of(source.get("folder", ""))}


def _target(target: Mapping[str, Any]) -> dict[str, Any]:
    n_scans = len(target.get("scans", ()))
    return {**target, "scans": [f"unlabelled scan {n + 1}" for n in range(n_scans)]}


def name_of(path: str) -> str:
    """The last part of an absolute path of any system; others are names already."""
    kinds: tuple[type[PurePath], ...] = (PurePosixPath, PureWindowsPath)
    for kind in kinds:
        if kind(path).is_absolute():
            return kind(path).name
    return path
