"""Connected components of a class, by a click."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_octseg.editing.clicks import check_click
from napari_octseg.errors import EditError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def component_at(labels: NDArray[np.uint8], row: int, column: int) -> NDArray[np.bool_]:
    """The 8-connected pixels of the class under a click, (depth, width) bool.

    Raises
    ------
    EditError
        If the click is outside the B-scan or on background.
    """
    from skimage.measure import label

    check_click(row, column, labels.shape)
    class_index = labels[row, column]
    if class_index == 0:
        raise EditError(
            "There is no label under the click",
            allowed="a click on a labelled pixel",
        )
    parts = label(labels == class_index, connectivity=2)  # type: ignore[no-untyped-call]
    mask: NDArray[np.bool_] = parts == parts[row, column]
    return mask


def delete_component(
    labels: NDArray[np.uint8],
    row: int,
    column: int,
    beneath: int | NDArray[np.uint8] = 0,
) -> NDArray[np.uint8]:
    """Labels without the component under a click.

    Parameters
    ----------
    labels
        (depth, width) class indices of one B-scan; not changed.
    row, column
        The click.
    beneath
        What comes to light: one class, or the labels beneath
        (`columns.beneath`), (depth, width).

    Raises
    ------
    EditError
        If the click is outside the B-scan or on background.
    """
    mask = component_at(labels, row, column)
    return np.where(mask, np.asarray(beneath, np.uint8), labels)


def relabel_component(
    labels: NDArray[np.uint8], row: int, column: int, class_index: int
) -> NDArray[np.uint8]:
    """Labels in which the component under a click is of another class.

    Raises
    ------
    EditError
        If the click is outside the B-scan or on background.
    """
    return np.where(component_at(labels, row, column), np.uint8(class_index), labels)
