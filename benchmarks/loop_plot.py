"""Draw what `benchmarks.loop` has measured.

python -m benchmarks.loop_plot loop.json docs/images/loop.png
"""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.finetuning.rounds import Corrected, running_total
from benchmarks.loop import FIXED, TUNED

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLOURS = {FIXED: "#8a8a8a", TUNED: "#0072b2"}
_WORDS = {FIXED: "the same model for all", TUNED: "fine-tuned after each group"}


def main() -> None:
    """Read the figures, write the picture."""
    parser = argparse.ArgumentParser(description="Picture of benchmarks.loop")
    parser.add_argument("figures", type=Path, help="JSON of benchmarks.loop")
    parser.add_argument("picture", type=Path, help="PNG to write")
    asked = parser.parse_args()
    rows = [Corrected(**row) for row in json.loads(asked.figures.read_text("utf-8"))]
    draw(rows, asked.picture)


def draw(rows: Sequence[Corrected], path: Path) -> None:
    """Actions so far over the B-scans that are finished.

    Parameters
    ----------
    rows
        Of both ways, in the order in which B-scans were finished.
    path
        PNG to write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    highest = 0.0
    for way in (FIXED, TUNED):
        own = [row for row in rows if row.way == way]
        total = running_total(own)
        axes.plot(
            range(len(total)),
            total,
            color=_COLOURS[way],
            linewidth=2,
            label=f"{_WORDS[way]}: {total[-1]:.0f}",
        )
        highest = max(highest, total[-1])
    first = [row for row in rows if row.way == TUNED]
    done = 0
    for name, group in groupby(first, key=lambda row: row.group):
        n = len(list(group))
        axes.text(
            done + n / 2,
            0.99,
            f"group {name}",
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="top",
            color="#555555",
        )
        done += n
        if done < len(first):
            axes.axvline(done, color="#cccccc", linewidth=1)
    axes.set_xlim(0, done)
    axes.set_ylim(0, 1.12 * highest)
    axes.legend(loc="lower right", frameon=False)
    axes.set_xlabel("B-scans finished (mean boundary error 1 px)")
    axes.set_ylabel("actions")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
