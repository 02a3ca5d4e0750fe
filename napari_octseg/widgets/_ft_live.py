"""A training under way: loss, Dice of each class, and an example."""

from __future__ import annotations

import logging
import zipfile
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_octseg.engine.finetuning.events import curves
from napari_octseg.labels import LabelClass
from napari_octseg.widgets._ft_pictures import PictureGrid, labelled, rows_with_labels
from napari_octseg.widgets._ft_plot import Curve, CurvePlot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import napari

    from napari_octseg.engine.finetuning.events import Event
    from napari_octseg.labels import LabelSet
    from napari_octseg.widgets._panel import Panel

logger = logging.getLogger(__name__)

_LOSS = "loss"
_DICE = "dice "
_OF_CLASS = " / "
_MOST_POINTS = 200
_WIDEST = 700

Points = list[tuple[int, float]]


class LiveView(QWidget):
    """Curves and an example of a run; hidden before its first step."""

    def __init__(self, viewer: napari.Viewer, panel: Panel) -> None:
        super().__init__()
        self._label_set: LabelSet | None = None
        self._sources: tuple[str, ...] = ()
        self._example: tuple[Path, int] | None = None
        self.loss_plot = CurvePlot(viewer, panel, x_title="step", y_title="loss")
        self.dice_plot = CurvePlot(
            viewer,
            panel,
            x_title="step",
            y_title="Dice, held out",
            y_top=1.0,
        )
        self.dice_plot.setToolTip(
            "How well labels of B-scans that are not trained on are found: "
            "0 not at all, 1 exactly"
        )
        self.example_caption = QLabel(
            "A B-scan that is not trained on, and what the model makes of it now"
        )
        self.example_caption.setWordWrap(True)
        self.example = PictureGrid(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for widget in (
            self.dice_plot,
            self.loss_plot,
            self.example_caption,
            self.example,
        ):
            layout.addWidget(widget)
        self.begin(None)

    def begin(self, label_set: LabelSet | None, sources: Sequence[str] = ()) -> None:
        """Another run is shown.

        Parameters
        ----------
        label_set
            Classes of its model; None for no run.
        sources
            Names of what it is trained on; the ground truth is the first.
        """
        self._label_set = label_set
        self._sources = tuple(sources)
        self._example = None
        self.example.show_pictures([])
        self.example_caption.hide()
        self.show_events([])

    def show_events(self, events: Sequence[Event]) -> None:
        """Draw the curves of all steps so far."""
        found = curves(events)
        loss = found.get(_LOSS, [])
        self.loss_plot.show_curves([_curve("", "", thinned(loss))] if loss else [])
        dice = self._dice_curves(found)
        self.dice_plot.show_curves(dice)
        self.loss_plot.setVisible(bool(loss))
        self.dice_plot.setVisible(bool(dice))

    def show_example(self, path: Path) -> None:
        """Show the example of the last validation, unless it is shown already."""
        if self._label_set is None:
            return
        try:
            written = path.stat().st_mtime_ns
            if self._example == (path, written):
                return
            image, truth, prediction = read_example(path)
        except FileNotFoundError:
            return
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            logger.warning("the example %s cannot be read: %s", path, error)
            return
        self._example = path, written
        titled = (("truth", truth), ("model now", prediction))
        self.example.show_pictures(
            [(name, labelled(image, own, self._label_set)) for name, own in titled]
        )
        self.example_caption.show()

    def _dice_curves(self, found: dict[str, Points]) -> list[Curve]:
        """A line for each class of the ground truth; dashes for what it knew before."""
        made = []
        for own in self._sources[:1]:
            prefix = f"{_DICE}{own}{_OF_CLASS}"
            for key in (key for key in found if key.startswith(prefix)):
                name = key.removeprefix(prefix)
                made.append(_curve(name, self._colour(name), found[key]))
            if not made and _DICE + own in found:
                made.append(_curve("mean", "", found[_DICE + own]))
        for source in self._sources[1:]:
            if _DICE + source in found:
                points = found[_DICE + source]
                made.append(_curve(source, "", points, dashed=True))
        return made

    def _colour(self, name: str) -> str:
        known = () if self._label_set is None else self._label_set.classes
        colours = {one.name: one.colour for one in known}
        return colours.get(name, LabelClass.named(name).colour)


def thinned(points: Points) -> Points:
    """Means of neighbouring points, so few that they are drawn at once.

    Parameters
    ----------
    points
        (step, value), steps rising; values that are not finite are left out.
    """
    finite = [point for point in points if np.isfinite(point[1])]
    size = -(-len(finite) // _MOST_POINTS) or 1
    parts = [finite[i : i + size] for i in range(0, len(finite), size)]
    return [
        (part[-1][0], float(np.mean([value for _, value in part]))) for part in parts
    ]


def read_example(
    path: Path,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, truth and prediction of an example, cut to where there are labels.

    Raises
    ------
    OSError, KeyError, ValueError, zipfile.BadZipFile
        If the file is missing or damaged.
    """
    with np.load(path) as file:
        image, truth, prediction = (
            file[name] for name in ("image", "truth", "prediction")
        )
    rows = rows_with_labels(truth, prediction)
    # No more pixels than the screen has: composing them takes time.
    step = max(1, image.shape[1] // _WIDEST)
    cut = (slice(rows.start, rows.stop, step), slice(None, None, step))
    return image[cut], truth[cut], prediction[cut]


def _curve(name: str, colour: str, points: Points, *, dashed: bool = False) -> Curve:
    finite = [point for point in points if np.isfinite(point[1])]
    return Curve(
        name,
        colour,
        [step for step, _ in finite],
        [value for _, value in finite],
        dashed=dashed,
        dots=0 < len(finite) < 30 and name != "",
    )
