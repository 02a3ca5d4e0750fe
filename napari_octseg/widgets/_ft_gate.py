"""A candidate beside the model it comes from: look, then accept or discard it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
)

from napari_octseg.widgets._fold import Fold
from napari_octseg.widgets._ft_change_table import ChangeTable
from napari_octseg.widgets._ft_run_view import classes_of
from napari_octseg.widgets._ft_worst import WorstView
from napari_octseg.widgets._text import amber, red
from napari_octseg.widgets._text_labels import wrapped_label
from napari_octseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_octseg.engine.finetuning.candidates import Candidate
    from napari_octseg.engine.finetuning.gate import Comparison
    from napari_octseg.labels import LabelSet

_GREEN = "#2f9e6e"
_SUGGESTED = "QPushButton { font-weight: bold; border: 2px solid #4c8fdb; }"


class GateView(QGroupBox):
    """Verdict, figures, the worst B-scans; Accept and Discard. Hidden without one.

    Signals
    -------
    accepted
        Name for the new model.
    discarded
        The candidate shall go.
    """

    accepted = Signal(str)
    discarded = Signal()

    def __init__(self) -> None:
        super().__init__("Candidate")
        self.candidate: Candidate | None = None
        self._taken: frozenset[str] = frozenset()
        self._build()
        self.accept_button.clicked.connect(self._on_accept)
        self.discard_button.clicked.connect(self.discarded)
        self.name_field.textChanged.connect(self._on_name)
        self.name_field.returnPressed.connect(self._on_return)
        self.hide()

    def _build(self) -> None:
        self.verdict = wrapped_label()
        self.held_out_title = wrapped_label()
        self.held_out_table, self.replay_table = ChangeTable(), ChangeTable()
        self.replay_fold = Fold("Figures on what it knew")
        self.replay_fold.body.addWidget(self.replay_table)
        self.notes = wrapped_label()
        self.notes_fold = Fold("What to know about these figures")
        self.notes_fold.body.addWidget(self.notes)
        self.worst = WorstView()
        self.name_field = QLineEdit()
        self.name_field.setToolTip(
            "Small letters, digits, '.', '_' and '-'; the model is listed by its title "
            "and this name"
        )
        self.accept_button = QPushButton("Accept")
        self.accept_button.setToolTip("Keep it as a model of your own")
        self.discard_button = QPushButton("Discard")
        self.discard_button.setToolTip("Remove the candidate and its run for good")
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Name", self.name_field)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self.accept_button)
        buttons.addWidget(self.discard_button)
        layout = QVBoxLayout(self)
        for widget in (
            self.verdict,
            self.held_out_title,
            self.held_out_table,
            self.replay_fold,
            self.notes_fold,
            self.worst,
        ):
            layout.addWidget(widget)
        layout.addLayout(form)
        layout.addLayout(buttons)

    def show_candidate(
        self, candidate: Candidate | None, name: str = "", *, taken: Sequence[str] = ()
    ) -> None:
        """Show a candidate, or none.

        Parameters
        ----------
        candidate
            With its comparison.
        name
            To propose for the new model.
        taken
            Names of models that are there already.
        """
        self.candidate = candidate
        self._taken = frozenset(taken)
        self.setVisible(candidate is not None)
        if candidate is None:
            self.worst.show_bscans([], None)
            return
        label_set = classes_of(candidate.run)
        self.show_comparison(candidate.comparison, label_set)
        self.worst.show_bscans(candidate.worst, label_set)
        self.name_field.setText(name)
        self._on_name(name)

    def show_comparison(self, found: Comparison, label_set: LabelSet | None) -> None:
        """Show figures, and the button that they speak for."""
        self.verdict.setText(verdict_text(found))
        self.held_out_title.setText(held_out_text(found))
        self.held_out_title.setVisible(bool(found.held_out))
        self.held_out_table.setVisible(bool(found.held_out))
        means = [] if found.mean is None else [found.mean]
        self.held_out_table.show_changes([*means, *found.held_out], label_set)
        self.replay_fold.button.setText(replay_text(found))
        self.replay_fold.setVisible(bool(found.replay))
        self.replay_table.show_changes(found.replay, label_set)
        self.replay_fold.set_unfolded(found.forgot)
        self.notes.setText("<br>".join(escape(one) for one in found.notes))
        self.notes_fold.setVisible(bool(found.notes))
        self._suggest(found)

    def _suggest(self, found: Comparison) -> None:
        """Make the button that the figures speak for the one that stands out."""
        worse = found.verdict == "worse" or found.forgot
        self.accept_button.setText("Accept nevertheless" if worse else "Accept")
        chosen = self.discard_button if worse else self.accept_button
        is_clear = worse or found.recommended
        suggest(chosen if is_clear else None, (self.accept_button, self.discard_button))

    def _on_name(self, name: str) -> None:
        free = bool(name.strip()) and name.strip() not in self._taken
        self.accept_button.setEnabled(free)
        self.accept_button.setToolTip(
            "Keep it as a model of your own"
            if free
            else "Another model has this name: choose a new one"
        )

    def _on_return(self) -> None:
        if self.accept_button.isDefault() and self.accept_button.isEnabled():
            self._on_accept()

    def _on_accept(self) -> None:
        self.accepted.emit(self.name_field.text().strip())


def suggest(chosen: QPushButton | None, buttons: Sequence[QPushButton]) -> None:
    """Make one of some buttons stand out, as the one to press; or none."""
    for button in buttons:
        button.setDefault(button is chosen)
        button.setStyleSheet(_SUGGESTED if button is chosen else "")


def verdict_text(found: Comparison) -> str:
    """The verdict as rich text: a heading in a colour of its own, then the figures."""
    text = escape(found.text)
    if found.verdict == "worse":
        return f"{red('Worse')}<br>{text}"
    if found.forgot:
        return f"<b>{amber('It has forgotten something')}</b><br>{text}"
    if found.verdict == "better":
        return f'<b style="color:{_GREEN}">Better</b><br>{text}'
    return f"<b>{amber('No clear difference')}</b><br>{text}"


def held_out_text(found: Comparison) -> str:
    """What the figures on the user's own ground truth rest on."""
    n_bscans = counted(found.n_bscans, "held-out B-scan")
    patients = counted(found.n_patients, "patient")
    return f"<b>On {n_bscans}</b> of {patients}; before, and below it after:"


def replay_text(found: Comparison) -> str:
    """How good it is on what the model knew before."""
    mean = found.replay_mean
    if mean is None or mean.dice_before is None or mean.dice_after is None:
        return "What it knew"
    return f"What it knew: Dice {mean.dice_before:.2f} → {mean.dice_after:.2f}"
