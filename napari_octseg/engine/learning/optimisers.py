"""The optimisers that a recipe can name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import nn

    Make = Callable[
        [Iterable[nn.Parameter], float, float, float], torch.optim.Optimizer
    ]


def _adamw(
    parameters: Iterable[nn.Parameter], rate: float, momentum: float, decay: float
) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019)."""
    return torch.optim.AdamW(
        parameters, lr=rate, betas=(momentum, 0.999), weight_decay=decay
    )


def _adam(
    parameters: Iterable[nn.Parameter], rate: float, momentum: float, decay: float
) -> torch.optim.Optimizer:
    """Adam with an L2 penalty (Kingma and Ba, ICLR 2015)."""
    return torch.optim.Adam(
        parameters, lr=rate, betas=(momentum, 0.999), weight_decay=decay
    )


def _sgdm(
    parameters: Iterable[nn.Parameter], rate: float, momentum: float, decay: float
) -> torch.optim.Optimizer:
    """Gradient descent with momentum and an L2 penalty."""
    return torch.optim.SGD(parameters, lr=rate, momentum=momentum, weight_decay=decay)


OPTIMISERS: dict[str, Make] = {"adamw": _adamw, "adam": _adam, "sgdm": _sgdm}


def make_optimiser(
    name: str,
    parameters: Iterable[nn.Parameter],
    *,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
) -> torch.optim.Optimizer:
    """The optimiser called `name`.

    Parameters
    ----------
    name
        One of `OPTIMISERS`.
    parameters
        Trained parameters.
    learning_rate, weight_decay
        Of the optimiser.
    momentum
        Share of the last update that goes on (``sgdm``); decay of the mean gradient,
        β1 (``adam``, ``adamw``).
    """
    return OPTIMISERS[name](parameters, learning_rate, momentum, weight_decay)
