"""Ask where to save labels, and save them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_octseg.errors import OctsegError
from napari_octseg.widgets._layers import facts_of
from napari_octseg.widgets._messages import show_error

if TYPE_CHECKING:
    from napari.layers import Labels

_KINDS = "TIFF (*.tif *.tiff);;NIfTI (*.nii.gz *.nii);;eyepy volume (*.eye)"


def ask_and_save(parent: QWidget, layer: Labels) -> Path | None:
    """Save a labels layer where the user says; the ending decides the format.

    Returns
    -------
    The file written; None if the user changed their mind or it failed (a message says
    why).
    """
    name, _ = QFileDialog.getSaveFileName(
        parent, "Save labels", f"{layer.name}.tif", _KINDS
    )
    if not name:
        return None
    path = Path(name)
    try:
        save_layer(layer, path)
    except (OctsegError, OSError) as error:
        show_error(parent, error)
        return None
    return path


def save_layer(layer: Labels, path: Path) -> None:
    """Save the labels of a layer with their classes and spacing.

    Raises
    ------
    WriteError
        If the ending is of no known format, or the file cannot be written.
    """
    from napari_octseg.io.save import save_labels

    facts = facts_of(layer)
    labels = layer.data[None] if layer.ndim == 2 else layer.data
    save_labels(labels, path, volume=facts["volume"], label_set=facts["label_set"])
