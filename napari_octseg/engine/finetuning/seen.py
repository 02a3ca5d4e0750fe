"""Who a model was trained on, wherever the data sets are by now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_octseg.bundles.registry import find_bundle, has_bundle
from napari_octseg.engine.data.graded_source import graded_entries, scan_and_index
from napari_octseg.engine.finetuning import run_folder
from napari_octseg.engine.finetuning.candidates import FINETUNE
from napari_octseg.engine.finetuning.replay import graded_patients
from napari_octseg.engine.learning.first_weights import ancestors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from napari_octseg.engine.data.source import Source
    from napari_octseg.groundtruth.data_set import DataSet

_EARLIER = "an earlier data set"


@dataclass(frozen=True)
class Seen:
    """What a model and its ancestors were trained on.

    Parameters
    ----------
    bscans
        Of one data set: name of the scan → its B-scans. So are all of a patient who was
        trained on in another data set: it may be the same scan there.
    patients
        Of every data set: its id → pseudonyms of the patients; None where nobody knows.
    unknown
        What those data sets, or ancestors that are gone, are called.
    """

    bscans: Mapping[str, frozenset[int]]
    patients: Mapping[str, frozenset[str] | None]
    unknown: tuple[str, ...]


def trained_on(model: str, data_set: DataSet, root: Path | None) -> Seen:
    """B-scans of a data set that a model or one of its ancestors was trained on.

    A model that was accepted keeps who that was, of each data set, in `finetune.json`;
    the data sets tell, too, as far as they are where the recipes look for them.

    Parameters
    ----------
    model
        Name or folder of its bundle.
    data_set
        Ground truth.
    root
        Root of the folders that recipes name.

    Raises
    ------
    ReadError
        If a `finetune.json` is damaged.
    RecipeError
        If versions that a model was trained on are gone.
    """
    bscans: dict[str, set[int]] = {}
    patients: dict[str, frozenset[str] | None] = {}
    names: dict[str, str] = {}
    last, is_told = "", False
    for earlier, name in ancestors(model):
        last = earlier.start
        record = _record(name)
        is_told |= record is not None
        for id_of, told in (record or {}).items():
            _add(patients, id_of, told)
        for source in earlier.sources:
            if source.kind != "ground truth":
                continue
            names.setdefault(source.data_set, source.name)
            if source.data_set != data_set.id:
                own = graded_patients(source, root, held_out=False)
                _add(patients, source.data_set, own)
                continue
            folder = str(data_set.folder.absolute())
            moved = source.model_copy(update={"folder": folder})
            for entry in graded_entries(moved, Path()):
                if not entry.held_out:
                    scan, index = scan_and_index(entry.name)
                    bscans.setdefault(scan, set()).add(index)
    is_gone = bool(last) and not has_bundle(last)
    if is_gone and not is_told:
        patients.setdefault(last, None)
    # Of the data set itself the recipes tell which B-scans; one that is gone does not.
    others = [
        own for one, own in patients.items() if own and (is_gone or one != data_set.id)
    ]
    known = frozenset[str]().union(*others)
    for one in data_set.scans():
        if one.patient in known:
            bscans.setdefault(one.name, set()).update(one.newest.graded_bscans)
    unknown = [one for one, own in patients.items() if own is None]
    return Seen(
        {name: frozenset(own) for name, own in bscans.items()},
        patients,
        tuple(names.get(one, one if one == last else _EARLIER) for one in unknown),
    )


def with_training(
    seen: Seen, sources: Sequence[Source], root: Path | None
) -> dict[str, tuple[str, ...] | None]:
    """Who a model has seen after it was trained on these sources, too.

    Returns
    -------
    Id of each data set → pseudonyms in order; None where nobody knows.
    """
    patients = dict(seen.patients)
    for source in sources:
        if source.kind == "ground truth":
            own = graded_patients(source, root, held_out=False)
            _add(patients, source.data_set, own)
    return {
        one: None if own is None else tuple(sorted(own))
        for one, own in sorted(patients.items())
    }


def _add(
    patients: dict[str, frozenset[str] | None],
    data_set: str,
    own: Collection[str] | None,
) -> None:
    before = patients.setdefault(data_set, None)
    if own is not None:
        patients[data_set] = (before or frozenset()) | frozenset(own)


def _record(model: str) -> Mapping[str, Sequence[str] | None] | None:
    """What an accepted model keeps of who it was trained on; None if it keeps none."""
    path = find_bundle(model).folder / FINETUNE
    if not path.is_file():
        return None
    told: Mapping[str, Sequence[str] | None] | None
    told = run_folder.read_json(path).get("data", {}).get("trained_on")
    return told
