"""Pictures of what each model makes of a scan: on phantoms, and on real scans.

    python -m benchmarks.overlays                      # docs/images/models/*.png
    python -m benchmarks.overlays duke-unet            # only this model
    python -m benchmarks.overlays --data DATA          # overlays/…, never committed

Without data each shipped model is shown on a phantom, truth beside prediction, and a
small picture for the window is put into its bundle (`models/*/thumbnail.png`); run
`python -m benchmarks.pages` afterwards, so that `docs/models.md` shows new pictures.
With data each is shown on the held-out scans of its own recipe, into `overlays/MODEL/
DATA SET/SCAN.png`: pictures to look at. Git ignores that folder, because real scans are
not ours to publish.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from napari_octseg.bundles.registry import Bundle, find_bundle, list_bundles
from napari_octseg.engine.data.datasets import code_table, load_source
from napari_octseg.engine.enface import segment_enface
from napari_octseg.engine.evaluation import judge_scans
from napari_octseg.engine.inference import iter_segment
from napari_octseg.engine.progress import outcome
from napari_octseg.engine.projecting.projection import phantom_projection
from napari_octseg.engine.recipe import read_recipe
from napari_octseg.labels import IGNORE
from napari_octseg.phantom import (
    FINDING_SET,
    FINDINGS,
    LAYER_SET,
    PhantomSettings,
    make_phantom,
)
from napari_octseg.phantom.devices import DEVICES
from napari_octseg.phantom.grid import scan_grid
from napari_octseg.phantom.vessels import grow_vessels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_octseg.bundles.card import ModelCard

    Panel = tuple[str, NDArray[np.float32], NDArray[np.uint8] | None]
    """Title, picture in 0…1, class indices of the model to lay over it."""

REPOSITORY = Path(__file__).resolve().parents[1]
PICTURES = REPOSITORY / "docs/images/models"
OVERLAYS = REPOSITORY / "overlays"
THUMBNAIL = "thumbnail.png"
_THUMBNAIL_WIDTH = 320
_OPACITY = 0.5
_WIDTH = 420
_LINE = 16
_MARGIN = 40
_SEED = 4
_MOST_FINDINGS = 4
# What a phantom calls otherwise, or finer, than models do.
_SAME = {"GCL": "GCIPL", "IPL": "GCIPL", "OS": "RPE", "drusen": "RPD"}


def main() -> None:
    """Make the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="names; all shipped ones by default")
    parser.add_argument("--data", type=Path, help="folder of real, labelled scans")
    parser.add_argument("--most", type=int, default=20, help="scans of a data set")
    arguments = parser.parse_args()
    shipped = [b.name for b in list_bundles() if b.shipped and b.card]
    for name in arguments.models or shipped:
        bundle = find_bundle(name)
        if arguments.data is None:
            panels = phantom_panels(bundle)
            save(panels, card_of(bundle), PICTURES / f"{name}.png")
            save_thumbnail(panels, card_of(bundle), bundle.folder / THUMBNAIL)
            continue
        for path, panels in real_panels(bundle, arguments.data, arguments.most):
            save(panels, card_of(bundle), OVERLAYS / name / path)


def card_of(bundle: Bundle) -> ModelCard:
    """Its card; `find_bundle` gives none without."""
    assert bundle.card is not None
    return bundle.card


def phantom_panels(bundle: Bundle) -> list[Panel]:
    """A phantom: plain, with its truth, and with what the model says."""
    card = card_of(bundle)
    if card.input.plane == "enface":
        picture, vessels = _enface_phantom(card)
        seen = segment_enface(picture, bundle.name).labels
        return _three(picture, vessels.astype(np.uint8), seen)
    names = card.label_set.names
    asked = [f for f in FINDINGS if _SAME.get(f, f) in names][:_MOST_FINDINGS]
    reach = max(card.input.n_neighbours, 2)
    shape = (2 * reach + 1, 496, 512)
    phantom = make_phantom(
        PhantomSettings(shape=shape, findings=tuple(asked), seed=_SEED)
    )
    index = int(np.argmax((phantom.findings > 0).sum((1, 2)))) if asked else reach
    result = outcome(iter_segment(phantom.volume, bundle.name, bscans=[index]))
    layers = _as_classes(LAYER_SET.names, names)[phantom.layers[index]]
    findings = _as_classes(FINDING_SET.names, names)[phantom.findings[index]]
    truth = np.where(findings > 0, findings, layers)
    said = result.labels[index]
    rows = np.flatnonzero(((truth > 0) | (said > 0)).any(axis=1))
    part = slice(max(int(rows[0]) - _MARGIN, 0), int(rows[-1]) + _MARGIN)
    picture = phantom.volume.bscan_as_shown(index)
    return _three(picture[part], truth[part], said[part])


def real_panels(
    bundle: Bundle, data: Path, most: int
) -> Iterator[tuple[Path, list[Panel]]]:
    """Held-out scans of each data set of the model's recipe, with their file names."""
    recipe = read_recipe(bundle.folder / "recipe.json")
    card = card_of(bundle)
    for source in recipe.sources:
        bscans = load_source(source, data, recipe, only_held_out=True)[:most]
        table = code_table(source, recipe.classes)
        # A label of several classes is drawn in the colour of the first.
        first_class = np.zeros(256, np.uint8)
        first_class[: len(table.names)] = [m.index(True) for m in table.membership]
        first_class[IGNORE] = IGNORE
        judged = judge_scans(bscans, bundle.name, card, device="auto", flips=False)
        for bscan, found in judged:
            picture = bscan.volume.bscan_as_shown(bscan.index)
            panels = _three(picture, first_class[found.codes], found.labels)
            yield Path(source.name, f"{bscan.name}.png"), panels


def save(panels: list[Panel], card: ModelCard, path: Path) -> None:
    """Draw panels side by side, each class in its colour, with a legend below."""
    palette = _Palette([_rgb(entry.colour) for entry in card.classes])
    drawn = [palette.draw(picture, labels) for _, picture, labels in panels]
    height = max(picture.height for picture in drawn)
    size = (_WIDTH * len(drawn), height + 2 * _LINE)
    sheet = Image.new("P", size, palette.white)
    sheet.putpalette(palette.colours.tobytes())
    pen = ImageDraw.Draw(sheet)
    for column, (picture, (title, _, _)) in enumerate(zip(drawn, panels, strict=True)):
        sheet.paste(picture, (column * _WIDTH, _LINE))
        pen.text((column * _WIDTH + 4, 2), title, fill=palette.black)
    left = 4
    for index, entry in enumerate(card.classes[1:], 1):
        box = (left, height + _LINE + 4, left + 8, height + _LINE + 12)
        pen.rectangle(box, fill=palette.legend(index))
        pen.text((left + 12, height + _LINE + 2), entry.name, fill=palette.black)
        left += 24 + round(pen.textlength(entry.name))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)
    print(path.relative_to(REPOSITORY))


def save_thumbnail(panels: list[Panel], card: ModelCard, path: Path) -> None:
    """The scan, and beside it what the model says, small and without words."""
    palette = _Palette([_rgb(entry.colour) for entry in card.classes])
    drawn = [palette.draw(p, x).convert("RGB") for _, p, x in (panels[0], panels[-1])]
    sheet = Image.new("RGB", (2 * drawn[0].width + 8, drawn[0].height), "black")
    for column, picture in enumerate(drawn):
        sheet.paste(picture, (column * (picture.width + 8), 0))
    height = round(sheet.height * _THUMBNAIL_WIDTH / sheet.width)
    small = sheet.resize((_THUMBNAIL_WIDTH, height), Image.Resampling.LANCZOS)
    small.quantize(128).save(path, optimize=True)


class _Palette:
    """Grey levels, and the same behind each class: the fewest colours, small files."""

    def __init__(self, classes: list[tuple[int, int, int]]) -> None:
        self.n_levels = min(256 // len(classes), 24)
        grey = np.linspace(0, 255, self.n_levels)[None, :, None]
        own = np.array(classes, float)[:, None]
        opacity = np.array([0, *[_OPACITY] * (len(classes) - 1)])[:, None, None]
        mixed = (1 - opacity) * grey + opacity * own
        self.colours = mixed.round().astype(np.uint8).reshape(-1, 3)
        self.black, self.white = 0, self.n_levels - 1

    def legend(self, index: int) -> int:
        """Colour of a class on tissue of a usual brightness."""
        return index * self.n_levels + self.n_levels // 2

    def draw(
        self, picture: NDArray[np.float32], labels: NDArray[np.uint8] | None
    ) -> Image.Image:
        """A picture in 0…1 at the width of a panel, labels over it."""
        rows, columns = picture.shape
        size = (_WIDTH - 4, round(_WIDTH * rows / columns))
        grey = Image.fromarray((255 * picture.clip(0, 1)).astype(np.uint8))
        fine = np.asarray(grey.resize(size, Image.Resampling.LANCZOS)) / 255
        level = np.round(fine * (self.n_levels - 1)).astype(np.uint8)
        if labels is not None:
            known = np.where(labels == IGNORE, 0, labels).astype(np.uint8)
            shown = Image.fromarray(known).resize(size, Image.Resampling.NEAREST)
            level = (np.asarray(shown) * self.n_levels + level).astype(np.uint8)
        image = Image.fromarray(level, mode="P")
        image.putpalette(self.colours.tobytes())
        return image


def _three(
    picture: NDArray[np.float32], truth: NDArray[np.uint8], said: NDArray[np.uint8]
) -> list[Panel]:
    return [
        ("scan", picture, None),
        ("labels", picture, truth),
        ("model", picture, said),
    ]


def _enface_phantom(
    card: ModelCard,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Projection of a phantom, or for a model that takes none an angiogram."""
    if card.input.projection is not None:
        phantom = make_phantom(
            PhantomSettings(look="cirrus", shape=(128, 512, 256), seed=_SEED)
        )
        return phantom_projection(phantom, card.input.projection)
    settings = PhantomSettings(look="cirrus", shape=(304, 64, 304), seed=_SEED)
    vessels = grow_vessels(scan_grid(settings, DEVICES["cirrus"]), _SEED).profile
    noise = np.random.default_rng(_SEED).normal(size=(2, *vessels.shape))
    # Capillaries are a fine texture, of ridges where coarse noise is near zero.
    coarse = gaussian_filter(noise[0], 1.6)
    capillaries = np.exp(-((coarse / (0.25 * coarse.std())) ** 2))
    light = 0.65 * gaussian_filter(np.sqrt(vessels), 0.6) + 0.28 * capillaries
    light = light + 0.04 * noise[1] + 0.08
    return light.clip(0, 1).astype(np.float32), vessels > 0


def _as_classes(found: tuple[str, ...], names: tuple[str, ...]) -> NDArray[np.uint8]:
    """For each class of a phantom that of the model; 0 where it has none."""
    healthy: Mapping[str, str] = (
        dict.fromkeys(LAYER_SET.names[1:-1], "H") if "H" in names else {}
    )
    table = np.zeros(256, np.uint8)
    for index, name in enumerate(found[1:], 1):
        for known in (name, _SAME.get(name, name), healthy.get(name, name)):
            if known in names:
                table[index] = names.index(known)
                break
    return table


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


if __name__ == "__main__":
    main()
