"""How smoothly a correction goes: live-wire, drags, steps, undo, in a real window.

    python -m benchmarks.interaction                 # 128 × 512 × 1024, 8 layers, fluid
    python -m benchmarks.interaction --quick         # a small scan, fewer moves
    python -m benchmarks.interaction --json FILE

Mouse events go through the canvas of napari, as those of a person do. “Our code” is the
time from the event until the labels and the overlay have been handed to napari;
“drawn” lasts until the canvas shows them. The floor is the same canvas drawn anew with
the image alone. Where drawing is done without a graphics card (llvmpipe, as under
`xvfb-run`), the floor is most of it.

Needs a display; without one, run it under `xvfb-run -a -s "-screen 0 1600x1000x24"`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.interaction.report import Report, as_markdown

SHAPE, QUICK_SHAPE = (128, 512, 1024), (16, 256, 512)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="file for all numbers")
    parser.add_argument("--quick", action="store_true", help="a small scan, few moves")
    options = parser.parse_args()
    report = Report()
    report.note_load()
    with tempfile.TemporaryDirectory() as folder:
        # Journals and settings of whoever runs this stay as they are.
        os.environ["OCTSEG_JOURNALS"] = str(Path(folder) / "journals")
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "napari.yaml")
        measure(report, quick=options.quick)
    report.note_load()
    print(as_markdown(report))
    if options.json is not None:
        options.json.write_text(json.dumps(report.as_json(), indent=2))


def measure(report: Report, *, quick: bool) -> None:
    """Fill the report; without a display only with what needs none."""
    from benchmarks.interaction import acts, livewire, stage

    report.answers = livewire.answers(3 if quick else 20)
    if not stage.has_display():
        print(
            "No display: only the live-wire is measured. Run it under xvfb-run -a.",
            file=sys.stderr,
        )
        return
    shape = QUICK_SHAPE if quick else SHAPE
    n_moves, n_times = (12, 2) if quick else (60, 8)
    phantom = stage.cirrus_phantom(shape)
    stage.write_journal(phantom)
    scene = stage.Stage(phantom)
    size = scene.canvas.size()
    report.scene = (
        f"phantom of {' × '.join(map(str, shape))}, {len(stage.LAYERS)} layers and "
        f"fluid, canvas {size.width()} × {size.height()}"
    )
    middle = shape[0] // 2
    scene.go_to(middle)
    n_steps = min(30, middle - 1)
    alone = acts.steps(scene, "next B-scan, image alone", n_steps)
    report.deeds = [acts.opening(scene), alone]
    scene.show(labels=True, boundaries=False)
    report.deeds.append(acts.steps(scene, "next B-scan, with labels", n_steps))
    scene.show(labels=True, boundaries=True)
    report.deeds.append(
        acts.steps(scene, "next B-scan, with labels and boundaries", n_steps)
    )
    moves = acts.gestures(scene, n_moves)
    scene.view.choose_tool("pan")
    scene.show(labels=False, boundaries=False)
    report.floor = acts.floor(scene, n_moves)
    scene.show(labels=True, boundaries=True)
    with_ours = "with labels and boundaries, panned"
    report.drags = [acts.floor(scene, n_moves, with_ours)]
    for gesture in moves:
        print(gesture.title, file=sys.stderr)
        report.drags.append(acts.drag(scene, gesture))
    pen = next(gesture for gesture in moves if gesture.tool == "pen")
    report.deeds += acts.undo_and_redo(scene, pen, n_times)
    report.renderer = scene.renderer
    scene.close()


if __name__ == "__main__":
    main()
