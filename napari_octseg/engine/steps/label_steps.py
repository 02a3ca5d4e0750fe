"""The steps that a card may name in `postprocess`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_octseg.engine.resizing import resize
from napari_octseg.engine.steps import cleaning, raspnet_cleaning, vessel_shape
from napari_octseg.engine.steps.retina_mask import retina_mask
from napari_octseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    Labels = NDArray[np.uint8]
    Pixels = float | Mapping[str, float]
    Size = Sequence[int] | None


@dataclass(frozen=True, eq=False)
class Context:
    """What a step may look at beside the labels.

    Parameters
    ----------
    names
        Class names in index order.
    probabilities
        (n_classes, H, W) on any grid over the same area; None where nobody has them.
    image
        (H, W) float32 on any grid, a linear function of the grey values; None where
        nobody has it.
    """

    names: tuple[str, ...]
    probabilities: Tensor | None = None
    image: Tensor | None = None

    def index(self, name: str | int) -> int:
        """Class index of a name; indices pass through.

        Raises
        ------
        ModelError
            If the model has no such class.
        """
        if name in self.names:
            return self.names.index(str(name))
        if isinstance(name, int) and 0 <= name < len(self.names):
            return name
        raise ModelError(
            f"A post-processing step names the class {name!r}",
            allowed=", ".join(self.names),
            todo="correct the card",
        )

    def probabilities_at(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """(n_classes, rows, columns) float32, resized to `size`.

        Raises
        ------
        ModelError
            If there are none.
        """
        return self._at(self.probabilities, size, "probabilities")

    def image_at(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """(rows, columns) float32, resized to `size`.

        Raises
        ------
        ModelError
            If there is none.
        """
        image = None if self.image is None else self.image[None]
        own: NDArray[np.float32] = self._at(image, size, "the image")[0]
        return own

    def _at(
        self, given: Tensor | None, size: tuple[int, int], what: str
    ) -> NDArray[np.float32]:
        if given is None:
            raise ModelError(
                f"A post-processing step needs {what}, and has labels alone",
                todo="segment anew, or take the step out of the card",
            )
        values: NDArray[np.float32] = resize(given[None].float(), size)[0].cpu().numpy()
        return values


def keep_large(
    labels: Labels,
    context: Context,
    *,
    least_px: Pixels,
    classes: Sequence[str | int] = (),
    size: Size = None,
    fill: cleaning.Fill = "background",
) -> Labels:
    """`cleaning.keep_large`; with `size`, `least_px` counts at (rows, columns)."""
    return cleaning.keep_large(
        labels,
        least_px=_scaled(least_px, labels, context, size),
        classes=[context.index(c) for c in classes],
        fill=fill,
    )


def fill_holes(
    labels: Labels,
    context: Context,
    *,
    most_px: Pixels,
    classes: Sequence[str | int] = (),
    size: Size = None,
) -> Labels:
    """`cleaning.fill_holes`; with `size`, `most_px` counts at (rows, columns)."""
    return cleaning.fill_holes(
        labels,
        most_px=_scaled(most_px, labels, context, size),
        classes=[context.index(c) for c in classes],
    )


def raspnet(
    labels: Labels,
    context: Context,
    *,
    priority: Sequence[str] = raspnet_cleaning.PRIORITY,
) -> Labels:
    """`raspnet_cleaning.clean_biomarkers`."""
    return raspnet_cleaning.clean_biomarkers(labels, context.names, priority=priority)


def threshold(
    labels: Labels, context: Context, *, least: Mapping[str, float]
) -> Labels:
    """`vessel_shape.threshold_classes`; `least` by class name."""
    size = (labels.shape[0], labels.shape[1])
    limits = {context.index(name): limit for name, limit in least.items()}
    return vessel_shape.threshold_classes(
        labels, context.probabilities_at(size), limits
    )


def skeleton(labels: Labels, context: Context, *, name: str | int) -> Labels:
    """The class `name` thinned to lines; the rest of it becomes background."""
    own = labels == context.index(name)
    return np.where(own & ~vessel_shape.skeleton(own), np.uint8(0), labels)


def within_retina(
    labels: Labels,
    context: Context,
    *,
    classes: Sequence[str | int],
    above: float = 6,
    below: float = 20,
) -> Labels:
    """No pixel of `classes` outside of the retina, as the grey values show it.

    Fluid in the vitreous or below the choroid is a mistake. The retina is that of
    `retina_mask.retina_mask`, found without a layer model, with a taut lower curve;
    `above` and `below` are its margins in rows of 360.
    """
    clamped = np.isin(labels, [context.index(c) for c in classes])
    if not clamped.any():
        return labels
    size = (labels.shape[0], labels.shape[1])
    image = context.image_at(size)
    retina = retina_mask(image, above=above, below=below, taut=True)
    return np.where(clamped & ~retina, np.uint8(0), labels)


LABEL_STEPS: dict[str, Callable[..., NDArray[np.uint8]]] = {
    "keep_large": keep_large,
    "fill_holes": fill_holes,
    "raspnet": raspnet,
    "threshold": threshold,
    "skeleton": skeleton,
    "within_retina": within_retina,
}
"""``step(labels, context, *, …) -> labels``: keyword-only parameters are the arguments
of the card."""


def _scaled(pixels: Any, labels: Labels, context: Context, size: Size) -> Any:
    """Pixel counts at the size of `labels`, classes as indices."""
    scale = 1.0 if size is None else labels.size / (size[0] * size[1])
    if isinstance(pixels, Mapping):
        return {context.index(name): n * scale for name, n in pixels.items()}
    return pixels * scale
