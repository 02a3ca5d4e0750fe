"""How fast each model was on this computer when it ran last; kept between sessions."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import platformdirs
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from napari_octseg.errors import WriteError
from napari_octseg.widgets._settings_file import read_settings, write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)


class Speed(BaseModel):
    """B-scans or pictures per second, where, and on which day (ISO 8601)."""

    per_second: Annotated[float, Field(gt=0)]
    device: str
    day: str
    unit: Literal["B-scans", "pictures"] = "B-scans"

    def __str__(self) -> str:
        """`2.4 B-scans per second on CPU, 2 threads (run of 2026-01-31)`."""
        rate = f"{self.per_second:.2g}" if self.per_second < 10 else ""
        rate = rate or f"{self.per_second:.0f}"
        return f"{rate} {self.unit} per second on {self.device} (run of {self.day})"


_SPEEDS = TypeAdapter(dict[str, Speed])


def speeds_path() -> Path:
    """File that holds the speeds."""
    folder = platformdirs.user_state_dir("napari-octseg", appauthor=False)
    return Path(folder) / "speeds.json"


def known_speed(model: str) -> Speed | None:
    """The speed of a model's last run here; None before the first."""
    return _read().get(model)


def remember_speed(model: str, speed: Speed) -> None:
    """Keep the speed of a run."""
    speeds = {**_read(), model: speed}
    values = {name: one.model_dump() for name, one in speeds.items()}
    try:
        write_settings(speeds_path(), values)
    except WriteError as error:
        # A speed that is not kept must not spoil a run that went well.
        logger.warning("the speed of %s cannot be kept: %s", model, error)


def _read() -> Mapping[str, Speed]:
    try:
        return _SPEEDS.validate_python(read_settings(speeds_path()) or {})
    except ValidationError as error:
        logger.warning("the speeds of earlier runs cannot be read: %s", error)
        return {}
