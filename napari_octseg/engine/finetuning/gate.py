"""What must be known before a fine-tuned model is accepted: is it surely better."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_octseg.errors import ReadError
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

Interval = tuple[float, float]
Verdict = Literal["better", "no clear difference", "worse"]

CLEAR = 0.02
"""Change of Dice that says something where there are too few for a bootstrap."""
FORGOTTEN = 0.01
"""Loss of Dice on what the parent knew from which on a candidate has forgotten."""
MEAN = "mean"
"""Name of the row that is the mean over all classes."""


@dataclass(frozen=True)
class ClassChange:
    """Figures of one class of one data set, of the parent and of the candidate.

    Attributes
    ----------
    source
        The data set.
    name
        Class, ``A+B`` where the labels do not tell them apart, or ``mean`` of all.
    dice_before, dice_after
        Pooled over all pixels; None where neither side has the class, or the parent
        does not know it.
    interval_before, interval_after, interval_change
        95 % bootstrap intervals of both and of the difference after − before, both
        measured on the same scans; None for too few.
    mae_before, mae_after
        Mean absolute error of the boundaries above and below a layer (of all boundaries
        for ``mean``), in `unit`; None of what is no layer.
    unit
        ``µm``, or ``px`` where the axial spacing of a scan is unknown.
    n_bscans
        On how many the class was labelled.
    """

    source: str
    name: str
    dice_before: float | None
    dice_after: float | None
    interval_before: Interval | None = None
    interval_after: Interval | None = None
    interval_change: Interval | None = None
    mae_before: float | None = None
    mae_after: float | None = None
    unit: str = "µm"
    n_bscans: int = 0

    @property
    def change(self) -> float | None:
        """Dice after − before; None if one of them is."""
        if self.dice_before is None or self.dice_after is None:
            return None
        return self.dice_after - self.dice_before

    @property
    def verdict(self) -> Verdict:
        """Which is better, in Dice."""
        return verdict_of(self.change, self.interval_change)


@dataclass(frozen=True)
class Comparison:
    """A candidate beside its parent.

    Attributes
    ----------
    held_out
        Classes of the user's ground truth that was kept from training.
    replay
        Classes of the held-out scans of what the parent was trained on.
    mean, replay_mean
        Mean over classes and, for the replay, over data sets; None without such scans.
    n_bscans, n_patients
        Of the held-out ground truth.
    unit
        What was drawn anew for the intervals: ``patient``, or ``B-scan`` where there
        are too few patients; empty without intervals.
    notes
        What limits the figures, for people.
    """

    held_out: tuple[ClassChange, ...]
    replay: tuple[ClassChange, ...]
    mean: ClassChange | None
    replay_mean: ClassChange | None
    n_bscans: int
    n_patients: int
    unit: str = ""
    notes: tuple[str, ...] = ()

    @property
    def mean_before(self) -> float | None:
        """Mean Dice of the parent on the held-out ground truth."""
        return None if self.mean is None else self.mean.dice_before

    @property
    def mean_after(self) -> float | None:
        """Mean Dice of the candidate on the held-out ground truth."""
        return None if self.mean is None else self.mean.dice_after

    @property
    def verdict(self) -> Verdict:
        """Which is better on the held-out ground truth."""
        return "no clear difference" if self.mean is None else self.mean.verdict

    @property
    def forgot(self) -> bool:
        """Whether the candidate is worse at what the parent knew.

        On the whole, or surely in one of its data sets: what is gained in one makes up
        for nothing in another.
        """
        change = None if self.replay_mean is None else self.replay_mean.change
        return (change is not None and change < -FORGOTTEN) or bool(self._forgotten())

    @property
    def recommended(self) -> bool:
        """Whether accepting it may be suggested."""
        return self.verdict == "better" and not self.forgot

    @property
    def text(self) -> str:
        """The verdict in sentences, for people."""
        return " ".join([*self._verdict(), *self._losses(), *self._memory()])

    def _verdict(self) -> list[str]:
        mean = self.mean
        if mean is None or mean.change is None:
            return ["Nothing was held out: nobody can say which model is better."]
        figures = f"mean Dice {mean.dice_before:.3f} → {mean.dice_after:.3f}"
        if mean.interval_change is not None:
            low, high = mean.interval_change
            figures += f", difference {low:+.3f} to {high:+.3f}"
        if mean.mae_before is not None and mean.mae_after is not None:
            figures += (
                f"; boundaries {mean.mae_before:.1f} → {mean.mae_after:.1f} {mean.unit}"
            )
        verdict = {
            "better": "The candidate is better",
            "worse": "The candidate is worse than the model it comes from",
            "no clear difference": "There is no clear difference",
        }[mean.verdict]
        rest = f"{counted(self.n_bscans, 'B-scan')} of "
        return [f"{verdict} on {rest}{counted(self.n_patients, 'patient')}: {figures}."]

    def _losses(self) -> list[str]:
        told = []
        worse = [c for c in self.held_out if c.verdict == "worse"]
        if worse:
            rows = (f"{c.name} {c.dice_before:.3f} → {c.dice_after:.3f}" for c in worse)
            told.append(f"Worse in: {', '.join(rows)}.")
        # The mean is over what was drawn: it does not see these.
        new = [
            c.name
            for c in self.held_out
            if not c.n_bscans and c.dice_before is None and c.dice_after is not None
        ]
        if new:
            told.append(
                f"It finds {', '.join(new)} where nobody drew any; the model before "
                "did not."
            )
        return told

    def _memory(self) -> list[str]:
        mean = self.replay_mean
        if mean is None or mean.change is None:
            return ["What the model knew before was not measured."]
        figures = _dice(mean)
        if self.forgot:
            parts = [f"{one.source} {_dice(one)}" for one in self._forgotten()]
            told = ", ".join([figures, *parts])
            return [f"It has forgotten some of what it knew: {told}."]
        return [f"It is as good as before on what it knew: {figures}."]

    def _forgotten(self) -> list[ClassChange]:
        """Means of the data sets of the parent in which the candidate is worse."""
        return [
            one
            for one in self.replay
            if one.name == MEAN
            and one.verdict == "worse"
            and one.change is not None
            and one.change < -FORGOTTEN
        ]

    def to_json(self) -> dict[str, Any]:
        """Values for a JSON file; verdict and text are in it for other readers."""
        return {
            **asdict(self),
            "verdict": self.verdict,
            "forgot": self.forgot,
            "text": self.text,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Comparison:
        """The comparison that `to_json` gave.

        Raises
        ------
        ReadError
            If the values are not one.
        """
        try:
            means = (values["mean"], values["replay_mean"])
            mean, replay_mean = (m and _change(m) for m in means)
            return cls(
                held_out=tuple(_change(one) for one in values["held_out"]),
                replay=tuple(_change(one) for one in values["replay"]),
                mean=mean,
                replay_mean=replay_mean,
                n_bscans=values["n_bscans"],
                n_patients=values["n_patients"],
                unit=values["unit"],
                notes=tuple(values["notes"]),
            )
        except (KeyError, TypeError) as error:
            raise ReadError(
                f"These are not the figures of a comparison ({error!r})",
                todo="resume the run, which measures again",
            ) from error


def verdict_of(change: float | None, interval: Interval | None) -> Verdict:
    """Judge a difference of Dice.

    Parameters
    ----------
    change
        After − before; None if there is none.
    interval
        Its bootstrap interval; None for too few scans: then `CLEAR` decides.
    """
    if change is None:
        return "no clear difference"
    low, high = (change - CLEAR, change + CLEAR) if interval is None else interval
    if low > 0:
        return "better"
    return "worse" if high < 0 else "no clear difference"


def _dice(row: ClassChange) -> str:
    return f"Dice {row.dice_before:.3f} → {row.dice_after:.3f}"


def _change(values: Mapping[str, Any]) -> ClassChange:
    pairs = ("interval_before", "interval_after", "interval_change")
    read = {name: tuple(values[name]) if values[name] else None for name in pairs}
    return ClassChange(**{**values, **read})
