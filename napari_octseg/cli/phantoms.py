"""The command that makes synthetic scans."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_octseg._console import console, make_folder, plain
from napari_octseg.cli.options import refuse_existing


def phantom(
    out: Annotated[Path, typer.Argument(help="Folder for the scan and its truth.")],
    look: Annotated[str, typer.Option(help="spectralis, cirrus or topcon.")] = (
        "spectralis"
    ),
    findings: Annotated[
        list[str] | None,
        typer.Option("--finding", help="IRF, SRF, PED, …; may be given several times."),
    ] = None,
    shape: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="B-scans, depth, width; the scanner's own by default."),
    ] = None,
    eye: Annotated[str, typer.Option(help="OD (right) or OS (left).")] = "OD",
    seed: Annotated[int, typer.Option(help="The same seed gives the same scan.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there already.")
    ] = False,
) -> None:
    """Make a synthetic scan with exact truth: scan.tif, layers, findings, heights."""
    from napari_octseg.io.boundary_files import save_boundaries
    from napari_octseg.io.save import save_labels, save_volume
    from napari_octseg.phantom import (
        FINDING_SET,
        LAYER_SET,
        PhantomSettings,
        make_phantom,
    )

    settings = PhantomSettings(
        look=look,  # type: ignore[arg-type]  # checked by PhantomSettings
        shape=shape,
        findings=tuple(findings or ()),
        laterality=eye,  # type: ignore[arg-type]
        seed=seed,
    )
    parts = ("scan.tif", "layers.tif", "findings.tif", "boundaries.npz")
    if not overwrite:
        refuse_existing([out / part for part in parts])
    made = make_phantom(settings)
    make_folder(out)
    save_volume(made.volume, out / "scan.tif")
    for name, labels, label_set in (
        ("layers", made.layers, LAYER_SET),
        ("findings", made.findings, FINDING_SET),
    ):
        save_labels(
            labels, out / f"{name}.tif", volume=made.volume, label_set=label_set
        )
    save_boundaries(made.boundaries, out / "boundaries.npz")
    console.print(f"Written to {plain(out)}: scan, layers, findings, boundaries")
