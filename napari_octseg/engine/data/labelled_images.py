"""Read the labelled pictures of a source: image, labels, and what must not count."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.engine.data.split import around_number, last_number
from napari_octseg.errors import RecipeError
from napari_octseg.io import read_volume
from napari_octseg.volume import OCTVolume, Origin, Spacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_octseg.engine.data.source import Pictures, Source
    from napari_octseg.engine.data.split import Entry

_CHANNELS = ("red", "green", "blue")
_WHITE = 0.97  # JPEG makes white slightly grey
_FEWEST_WHITE = 64
"""Smaller white areas (px) at the edge are bright tissue rather than a wedge."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """One scan as it is stored, its labels in the codes of the source.

    name
        Of the scan: that of `entry`, or of one of its B-scans.
    entry
        Patient and side of the split.
    volume, index
        The volume it is from, and which of its B-scans it is.
    labels
        (depth, width) uint8, source codes.
    hidden
        (depth, width) bool: what takes no part, whatever its label.
    weights
        (width,) float32: how much each column counts; None if all count alike.
    """

    name: str
    entry: Entry
    volume: OCTVolume
    index: int
    labels: NDArray[np.uint8]
    hidden: NDArray[np.bool_]
    weights: NDArray[np.float32] | None = None


def read_labelled(
    source: Source, entries: Sequence[Entry], folder: Path
) -> Iterator[Labelled]:
    """The labelled pictures of a source.

    Parameters
    ----------
    source
        Says how to read them.
    entries
        The pictures, as `list_source` gives them.
    folder
        Of the source.

    Raises
    ------
    RecipeError
        If labels or mask are missing or of another size than the image, a file holds
        several B-scans, a channel is asked for that there is not, or neighbours differ
        in size.
    """
    for run in _runs(source, entries):
        singles = [read_picture(_path_of(entry), source) for entry in run]
        volume = singles[0] if len(run) == 1 else _stacked(singles, run)
        for index, entry in enumerate(run):
            image = volume.bscan_as_shown(index)
            labels = _read_beside(source.labels, entry, folder, image.shape)
            hidden = _burnt_in(image, source)
            if source.mask:
                mask = _read_beside(source.mask, entry, folder, image.shape)
                hidden |= mask == 0
            yield Labelled(entry.name, entry, volume, index, labels, hidden)


def _runs(source: Source, entries: Sequence[Entry]) -> list[list[Entry]]:
    """Entries that are neighbouring B-scans, together."""
    runs: list[list[Entry]] = []
    for entry in entries:
        if runs and source.neighbours and _follows(runs[-1][-1], entry):
            runs[-1].append(entry)
        else:
            runs.append([entry])
    return runs


def _follows(before: Entry, entry: Entry) -> bool:
    (first, a), (second, b) = (around_number(one.name) for one in (before, entry))
    is_next = first == second and bool(a and b) and int(b) - int(a) == 1
    return is_next and before.patient == entry.patient


def _stacked(singles: Sequence[OCTVolume], run: Sequence[Entry]) -> OCTVolume:
    sizes = {volume.shape for volume in singles}
    if len(sizes) > 1:
        raise RecipeError(
            f"The neighbours {run[0].name} to {run[-1].name} differ in size",
            todo="set `neighbours` to false: they are of several volumes",
        )
    data = np.concatenate([volume.data for volume in singles])
    return replace(singles[0], data=data, positions=None, boundaries=None)


def _path_of(entry: Entry) -> Path:
    if entry.path is None:
        raise ValueError(f"{entry.name} is no file")
    return entry.path


def read_picture(path: Path, source: Pictures) -> OCTVolume:
    """A picture as a volume of one B-scan, in the channel of the source.

    Raises
    ------
    RecipeError
        If the file holds several B-scans, or has no such channel.
    """
    if source.channel == "grey":
        volume = _one_bscan(path)
    else:
        volume = OCTVolume(_read_channel(path, source.channel))
    if source.invert:
        volume = replace(volume, data=_inverted(volume.data))
    if source.spacing_um is not None:
        spacing = Spacing.of((None, *source.spacing_um), Origin.USER)
        volume = replace(volume, spacing=spacing)
    return volume


def _one_bscan(path: Path) -> OCTVolume:
    volume = read_volume(path)
    if volume.n_bscans != 1:
        raise RecipeError(
            f"{path} holds {volume.n_bscans} B-scans",
            allowed="one B-scan per file in a source",
            todo="export its B-scans as pictures",
        )
    return volume


def _read_channel(path: Path, channel: str) -> NDArray[Any]:
    import imageio.v3 as iio

    pixels = np.asarray(iio.imread(path))
    if pixels.ndim != 3 or pixels.shape[-1] not in (3, 4):
        raise RecipeError(
            f"{path} has no {channel} channel: its shape is {pixels.shape}",
            allowed="colour pictures of (rows, columns, 3 or 4), or channel 'grey'",
        )
    return pixels[..., _CHANNELS.index(channel)]


def _inverted(data: NDArray[Any]) -> NDArray[Any]:
    if np.issubdtype(data.dtype, np.integer):
        return np.asarray(np.iinfo(data.dtype).max - data)
    return np.asarray(data.max() - data)


def _read_beside(
    pattern: str, entry: Entry, folder: Path, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Labels or mask that belong to an image."""
    path = folder / pattern.format(stem=entry.name, number=last_number(entry.name))
    if not path.is_file():
        raise RecipeError(f"{_path_of(entry)} has no labels: {path} is missing")
    values = _one_bscan(path).bscan(0)
    if values.shape != shape:
        raise RecipeError(
            f"{path} is {values.shape}, its image is {shape}",
            allowed="equal sizes",
        )
    if values.dtype != np.uint8:
        raise RecipeError(
            f"{path} holds {values.dtype}", allowed="codes 0…255 in 8 bits"
        )
    return values


def _burnt_in(image: NDArray[np.float32], source: Source) -> NDArray[np.bool_]:
    """Pixels that are text, icons, cursor lines or white wedges, not tissue."""
    depth, width = image.shape
    hidden = np.zeros(image.shape, bool)
    for top, left, bottom, right in source.ignore_boxes:
        rows = slice(round(top * depth), round(bottom * depth))
        hidden[rows, round(left * width) : round(right * width)] = True
    if source.ignore_white_columns:
        white = (image > 0.95).mean(axis=0) > 0.5
        # The line is smeared by compression: its neighbours go too.
        spread = np.convolve(white, np.ones(5), mode="same") > 0
        hidden[:, spread] = True
    if source.ignore_white:
        hidden |= white_wedges(image)
    return hidden


def white_wedges(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """White areas that reach the edge of the image: where registration moved it.

    Parameters
    ----------
    image
        (depth, width) float32 in 0…1.

    Returns
    -------
    (depth, width) bool, two pixels wider than the white, because compression and
    resampling smear its border.
    """
    from scipy import ndimage

    numbered, n = ndimage.label(image >= _WHITE)
    edge = np.concatenate([numbered[0], numbered[-1], numbered[:, 0], numbered[:, -1]])
    sizes = np.bincount(numbered.ravel(), minlength=n + 1)
    chosen = [k for k in np.unique(edge[edge > 0]) if sizes[k] >= _FEWEST_WHITE]
    wedges = np.isin(numbered, chosen)
    return np.asarray(ndimage.binary_dilation(wedges, iterations=2) if n else wedges)
