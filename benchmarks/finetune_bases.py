"""Recipes of the models that `benchmarks.finetune` and `benchmarks.loop` start from.

    python -m benchmarks.finetune_bases mendeley without.json
    python -m benchmarks.finetune_bases duke without.json
    python -m benchmarks.finetune_bases duke with.json --whole
    napari-octseg train without.json --data DATA --run RUN --out BUNDLES

A base is a model that has never seen scans of one data set: what a model is worth in a
hospital that it does not know. The other end of the gap is the shipped model
(Mendeley), or the same network trained alike with the data set (Duke, --whole).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.finetuning.domains import DOMAINS, changed_recipe


def main() -> None:
    """Write a recipe."""
    parser = argparse.ArgumentParser(description="Recipe of a base model")
    parser.add_argument("domain", choices=sorted(DOMAINS))
    parser.add_argument("out", type=Path, help="JSON file to write")
    parser.add_argument("--whole", action="store_true", help="leave nothing out")
    asked = parser.parse_args()
    recipe = changed_recipe(DOMAINS[asked.domain], whole=asked.whole)
    asked.out.write_text(recipe.model_dump_json(indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
