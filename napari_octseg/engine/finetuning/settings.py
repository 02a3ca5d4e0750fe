"""What a fine-tuning is asked for; windows and commands only fill it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from napari_octseg.engine.recipe import Scope
from napari_octseg.errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Mapping

PresetName = Literal["quick", "standard", "thorough"]
_PATHS = ("data_set", "run", "replay")


@dataclass(frozen=True)
class FineTuneSettings:
    """A fine-tuning: of which model, on which ground truth, and how.

    Parameters
    ----------
    model
        Name or folder of the bundle that is the start.
    data_set
        Folder of the ground truth.
    run
        Folder of the run.
    preset
        How long it may take; see `presets.PRESETS`.
    scope, n_steps, learning_rate, batch_size, minutes
        Instead of what the preset says; None leaves it. `scope`: which weights change,
        as `Recipe.train_only`.
    replay
        Root of the data that the model was trained on, against forgetting. Data sets
        that are not there are left out; phantoms need no root.
    unlabelled
        Files of scans whose look training scans are given, now and then.
    device, precision
        As for `launch_fabric`.
    seed
        Of the random numbers.

    Raises
    ------
    RecipeError
        If a word or a number is none of the allowed ones.
    """

    model: str
    data_set: Path
    run: Path
    preset: PresetName = "standard"
    scope: Scope | None = None
    n_steps: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    minutes: float | None = None
    replay: Path | None = None
    unlabelled: tuple[Path, ...] = ()
    device: str = "auto"
    precision: str = "bf16-mixed"
    seed: int = 0

    def __post_init__(self) -> None:
        _check_word("preset", self.preset, get_args(PresetName))
        if self.scope is not None:
            _check_word("scope", self.scope, get_args(Scope))
        for name in ("n_steps", "learning_rate", "batch_size", "minutes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise RecipeError(
                    f"{name} is {value}", allowed="a number above 0, or none"
                )
        if self.seed < 0:
            raise RecipeError(f"seed is {self.seed}", allowed="0 or more")

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON holds them; paths are made absolute."""
        values = asdict(self)
        if len(Path(self.model).parts) > 1:  # a folder, not a name
            values["model"] = _absolute(Path(self.model))
        for name in _PATHS:
            if values[name] is not None:
                values[name] = _absolute(values[name])
        values["unlabelled"] = [_absolute(path) for path in self.unlabelled]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Settings from what `to_json` gave.

        Raises
        ------
        RecipeError
            If it is something else.
        """
        try:
            given = dict(values)
            for name in _PATHS:
                if given.get(name) is not None:
                    given[name] = Path(given[name])
            given["unlabelled"] = tuple(map(Path, given.get("unlabelled", ())))
            return cls(**given)
        except (TypeError, ValueError) as error:
            raise RecipeError(
                f"The settings of a fine-tuning cannot be read ({error})",
                allowed=", ".join(field.name for field in fields(cls)),
            ) from error


def _check_word(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise RecipeError(f"The {name} {value!r}", allowed=", ".join(allowed))


def _absolute(path: Path) -> str:
    return str(Path(path).expanduser().absolute())
