"""Named steps of a card: found by name, their arguments checked."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_octseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_octseg.bundles.card import Step


def bind(
    functions: Mapping[str, Callable[..., Any]], step: Step, kind: str
) -> Callable[..., Any]:
    """The function that a card names, with the arguments of the card.

    Parameters
    ----------
    functions
        The known functions by name; their keyword-only parameters are what a card may
        set.
    step
        Name and arguments, as the card gives them.
    kind
        What the functions are, for the message: ``"post-processing step"``.

    Raises
    ------
    ModelError
        If there is no function of that name, or it takes no such argument.
    """
    if step.name not in functions:
        raise ModelError(
            f"The {kind} {step.name!r} is unknown",
            allowed=", ".join(sorted(functions)),
            todo="update napari-octseg, or correct the card",
        )
    function = functions[step.name]
    parameters = inspect.signature(function).parameters.values()
    taken = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
    needed = [name for name, p in taken.items() if p.default is p.empty]
    unknown = [name for name in step.arguments if name not in taken]
    missing = [name for name in needed if name not in step.arguments]
    if unknown or missing:
        wrong = (
            f"does not take {unknown[0]!r}"
            if unknown
            else f"needs the argument {missing[0]!r}"
        )
        raise ModelError(
            f"The {kind} {step.name!r} {wrong}",
            allowed=", ".join(taken) or "no arguments",
            todo="update napari-octseg, or correct the card",
        )
    return partial(function, **step.arguments)
