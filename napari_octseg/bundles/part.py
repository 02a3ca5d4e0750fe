"""What all parts of cards and recipes have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Base of all parts of cards and recipes: frozen and strict about names."""

    # Unknown keys are errors: a misspelt setting must not be silently without effect.
    model_config = ConfigDict(extra="forbid", frozen=True)
