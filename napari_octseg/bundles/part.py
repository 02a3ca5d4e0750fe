"""What all parts of cards and recipes have in common."""

from __future__ import annotations

import json
import re

from pydantic import BaseModel, ConfigDict

_NUMBERS = re.compile(r"\[\n([-\d.e,\s]+)\n\s*\]")


class Part(BaseModel):
    """Base of all parts of cards and recipes: frozen and strict about names."""

    # Unknown keys are errors: a misspelt setting must not be silently without effect.
    model_config = ConfigDict(extra="forbid", frozen=True)


def readable_json(values: object) -> str:
    """JSON with one value a line, but rows of numbers as rows."""
    text = json.dumps(values, indent=2, ensure_ascii=False)
    # Nothing within quotes matches: a line break there is written as a backslash and n.
    return _NUMBERS.sub(lambda row: f"[{' '.join(row[1].split())}]", text)
