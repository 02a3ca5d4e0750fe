"""Colours that can be read on the window's background, whatever its theme is."""

from __future__ import annotations

from dataclasses import dataclass

from napari.utils.theme import get_theme

from napari_octseg.labels import rgba_of

_LEAST_CONTRAST = 3.0
"""WCAG 2.1, 1.4.11: of lines and marks against what is behind them."""
_STEPS = 20


@dataclass(frozen=True)
class Theme:
    """Colours of the window (``#rrggbb``): background, and text on it."""

    background: str
    text: str

    @classmethod
    def named(cls, name: str) -> Theme:
        """The colours of one of napari's themes."""
        theme = get_theme(name)
        return cls(_hex(theme.background), _hex(theme.text))


def readable(colour: str, theme: Theme) -> str:
    """A colour moved towards the text as far as it needs to be seen on a background.

    Colours of classes are chosen for grey B-scans: white is one of them. No colour, "",
    gives that of text.
    """
    if not colour:
        return theme.text
    for step in range(_STEPS + 1):
        mixed = _mixed(colour, theme.text, step / _STEPS)
        if contrast(mixed, theme.background) >= _LEAST_CONTRAST:
            return mixed
    return theme.text


def contrast(first: str, second: str) -> float:
    """Contrast of two colours, 1 (none) … 21 (WCAG 2.1)."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in rgba_of(colour)[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(first: str, second: str, share: float) -> str:
    """`first` with so much of `second` in it."""
    parts = zip(rgba_of(first)[:3], rgba_of(second)[:3], strict=True)
    return "#" + "".join(
        f"{round(255 * (a * (1 - share) + b * share)):02x}" for a, b in parts
    )


def _hex(colour: object) -> str:
    """``#rrggbb`` of a colour of pydantic, which shortens some."""
    red, green, blue = colour.as_rgb_tuple(alpha=False)  # type: ignore[attr-defined]
    return f"#{red:02x}{green:02x}{blue:02x}"
