"""What the figures and the training of a model rest on, said where it is little."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.bundles.score import FEW_PATIENTS, Support

if TYPE_CHECKING:
    from napari_octseg.bundles.card import ModelCard
    from napari_octseg.bundles.score import Score


def honest_limits(card: ModelCard) -> str:
    """The card's own limits, then what its counts say of rare classes."""
    parts = [card.limits, thin_training(card), *(thin_figures(s) for s in card.metrics)]
    return " ".join(part for part in parts if part)


def thin_training(card: ModelCard) -> str:
    """Classes learnt from few patients, or from none; empty if nothing is counted."""
    real = [source for source in card.training.data if not source.synthetic]
    if not any(source.support for source in card.training.data):
        return ""
    synthetic = {
        name
        for source in card.training.data
        if source.synthetic
        for name, support in source.support.items()
        if support.n_images
    }
    few, none = [], []
    for entry in card.classes[1:]:
        found = [s.support[entry.name] for s in real if entry.name in s.support]
        total = Support(
            n_images=sum(s.n_images for s in found),
            n_patients=sum(s.n_patients for s in found),
        )
        if total.n_images and total.is_thin:
            few.append(f"{entry.name} on {total}")
        elif not total.n_images and entry.name in synthetic:
            none.append(entry.name)
    parts = [f"Trained {', '.join(few)}." if few else ""]
    parts += [f"Learnt from synthetic scans only: {', '.join(none)}." if none else ""]
    return " ".join(part for part in parts if part)


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
