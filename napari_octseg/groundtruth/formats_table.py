"""The exchange formats as a table."""

from __future__ import annotations

from napari_octseg.groundtruth.formats.registry import FORMATS, ExchangeFormat


def format_rows() -> list[tuple[str, ...]]:
    """A heading, and a row for each format."""
    rows: list[tuple[str, ...]] = [("format", "for", "written", "read", "what is lost")]
    for name in FORMATS:
        one = FORMATS[name]
        rows.append(
            (name, one.title, _written(one), _read(one), one.loses or "nothing")
        )
    return rows


def _written(one: ExchangeFormat) -> str:
    return "no" if one.write is None else "yes"


def _read(one: ExchangeFormat) -> str:
    if one.read is not None:
        return "yes"
    return "no" if one.read_labels_for is None else "with the scan"
