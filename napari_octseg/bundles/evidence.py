"""What the figures and the training of a model rest on, said where it is little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.bundles.score import FEW_PATIENTS, Support

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.bundles.card import DataSource, ModelCard
    from napari_octseg.bundles.score import Score


def honest_limits(card: ModelCard) -> str:
    """The card's own limits, then what its counts say of rare classes."""
    parts = [card.limits, thin_training(card), *(thin_figures(s) for s in card.metrics)]
    return " ".join(part for part in parts if part)


def thin_training(card: ModelCard) -> str:
    """Classes that few patients taught, or none; empty if the card counts nothing.

    Only labels of a class by itself count: "any fluid" does not teach to tell SRF from
    PED.
    """
    sources = card.training.data
    if not any(source.support for source in sources):
        return ""
    few: list[str] = []
    made: list[str] = []
    never: list[str] = []
    for entry in card.classes[1:]:
        real = _labelled(entry.name, [s for s in sources if not s.synthetic])
        if real.n_images and real.is_thin:
            few.append(f"{entry.name} in {real}")
        elif not real.n_images:
            synthetic = _labelled(entry.name, [s for s in sources if s.synthetic])
            (made if synthetic.n_images else never).append(entry.name)
    parts = [
        f"Few training scans label it by itself: {', '.join(few)}." if few else "",
        f"Learnt from synthetic scans alone: {', '.join(made)}." if made else "",
        f"No training scan labels it by itself: {', '.join(never)}." if never else "",
    ]
    return " ".join(part for part in parts if part)


def _labelled(name: str, sources: Sequence[DataSource]) -> Support:
    """In how much of these data sets a class is labelled by itself."""
    found = [source.support[name] for source in sources if name in source.support]
    return Support(
        n_images=sum(s.n_images for s in found),
        n_patients=sum(s.n_patients for s in found),
    )


def thin_figures(score: Score) -> str:
    """Figures of a score that rest on few patients, as a sentence; empty if none do."""
    n_patients = score.n_images if score.n_patients is None else score.n_patients
    if n_patients < FEW_PATIENTS:
        all_of = Support(n_images=score.n_images, n_patients=n_patients)
        return f"The figures of {score.data} rest on {all_of}."
    thin = {name: seen for name, seen in score.support.items() if seen.is_thin}
    if not thin:
        return ""
    listed = ", ".join(f"{name} on {seen}" for name, seen in thin.items())
    return f"Figures of {score.data} that rest on few: {listed}."
