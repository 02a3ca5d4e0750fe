"""The exchange formats as a table, for the terminal and the documentation."""

from __future__ import annotations

from napari_octseg.groundtruth.formats.registry import FORMATS, ExchangeFormat

_BEGIN = "<!-- formats: written by python -m benchmarks.pages -->"
_END = "<!-- end of formats -->"


def format_rows() -> list[tuple[str, ...]]:
    """A heading, and a row for each format."""
    rows: list[tuple[str, ...]] = [("format", "for", "written", "read", "what is lost")]
    for name in FORMATS:
        one = FORMATS[name]
        rows.append(
            (name, one.title, _written(one), _read(one), one.loses or "nothing")
        )
    return rows


def format_table() -> str:
    """The same as a table in Markdown."""
    first, *rows = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        for row in format_rows()
    ]
    return "\n".join([first, "|---" * first.count(" | ") + "|---|", *rows])


def with_formats(page: str) -> str:
    """A page of the documentation, with the table between its two markers."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return f"{before}{begin}\n\n{format_table()}\n\n{end}{after}"


def _written(one: ExchangeFormat) -> str:
    return "no" if one.write is None else "yes"


def _read(one: ExchangeFormat) -> str:
    if one.read is not None:
        return "yes"
    return "no" if one.read_labels_for is None else "with the scan"
