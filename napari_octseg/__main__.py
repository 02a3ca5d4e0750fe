"""Run `python -m napari_octseg`, the same as the command `napari-octseg`."""

from napari_octseg.cli import app

app(prog_name="napari-octseg")
