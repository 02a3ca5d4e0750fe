"""How long napari-octseg makes a person wait before anything can be done.

    python benchmarks/startup.py

prints a table: the import of the package (in fresh interpreters, less that of a bare
interpreter) and the opening of the Workbench in a napari window that is open already.
The second part needs a display; without one, run it under `xvfb-run -a`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
IMPORT_LIMIT_MS = 50.0
WORKBENCH_LIMIT_MS = 500.0

# The first opening brings the imports of all panels; this is what a person waits for.
OPENING = """
import time
import napari
from qtpy.QtWidgets import QApplication

viewer = napari.Viewer()
QApplication.processEvents()
for _ in range(2):
    begin = time.perf_counter()
    dock, widget = viewer.window.add_plugin_dock_widget("napari-octseg", "Workbench")
    QApplication.processEvents()
    print("ms", 1000 * (time.perf_counter() - begin))
    viewer.window.remove_dock_widget(dock)
    QApplication.processEvents()
viewer.close()
"""


def run(code: str) -> str:
    """Run code in a fresh interpreter that finds the checkout; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    if done.returncode:
        sys.exit(f"This could not be measured:\n{done.stderr.strip()}")
    return done.stdout


def interpreter_ms(code: str, repeats: int) -> float:
    """Median wall-clock time of a fresh interpreter that runs `code`, in ms."""
    run(code)  # the first one writes byte code and fills the disk cache
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run(code)
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def workbench_ms(repeats: int) -> tuple[float, float]:
    """Median time to open the Workbench for the first and the second time, in ms."""
    first, second = [], []
    for _ in range(repeats):
        lines = run(OPENING).splitlines()
        once, again = (float(line[3:]) for line in lines if line.startswith("ms "))
        first.append(once)
        second.append(again)
    return statistics.median(first), statistics.median(second)


def row(name: str, value: float, limit: float | None = None) -> str:
    """One line of the table."""
    target = f"< {limit:.0f}" if limit is not None else ""
    return f"| {name:<42} | {value:8.1f} | {target:>6} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--no-window", action="store_true", help="only the import")
    options = parser.parse_args()
    bare = interpreter_ms("pass", options.repeats)
    package = interpreter_ms("import napari_octseg", options.repeats)
    print(f"| {'median':<42} | {'ms':>8} | {'target':>6} |")
    print(f"|{'-' * 44}|{'-' * 9}:|{'-' * 7}:|")
    print(row("bare interpreter", bare))
    print(row("import napari_octseg, less that", package - bare, IMPORT_LIMIT_MS))
    if not options.no_window:
        first, second = workbench_ms(max(1, options.repeats // 5))
        print(row("Workbench, first opening in a session", first, WORKBENCH_LIMIT_MS))
        print(row("Workbench, opened again", second, WORKBENCH_LIMIT_MS))


if __name__ == "__main__":
    main()
