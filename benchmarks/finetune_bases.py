"""Recipes of the base models of `benchmarks.finetune`.

    python -m benchmarks.finetune_bases duke base-duke.json
    napari-octseg train base-duke.json --data DATA --run RUN --out BUNDLES

A base model is the shipped one without one of its data sets, and for fewer steps: what
a model is worth that has never seen scans of a hospital.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.finetuning.domains import DOMAINS, base_recipe


def main() -> None:
    """Write a recipe."""
    parser = argparse.ArgumentParser(description="Recipe of a base model")
    parser.add_argument("domain", choices=sorted(DOMAINS))
    parser.add_argument("out", type=Path, help="JSON file to write")
    asked = parser.parse_args()
    recipe = base_recipe(DOMAINS[asked.domain])
    asked.out.write_text(recipe.model_dump_json(indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
