"""What each key of the Correct tab does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_octseg.widgets._grading_view import BRUSH_TOOLS
from napari_octseg.widgets._keys import binding_of
from napari_octseg.widgets._tool_box import BOUNDARY_TOOLS, REGION_TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_octseg.widgets.correct import CorrectWidget

    Deed = Callable[[], None]


def deeds_of(tab: CorrectWidget) -> dict[str, Deed | tuple[Deed, Deed]]:
    """Functions by the names of the table of keys; two where a key is held."""
    view, palette, tools = tab.view, tab.palette, tab.tool_box

    def step(by: int) -> Deed:
        return lambda: (
            view.go_to(view.bscan + by) if _is_there(view.bscan + by) else None
        )

    def _is_there(bscan: int) -> bool:
        grading = view.grading
        return grading is not None and 0 <= bscan < len(grading.states)

    def choose_class(index: int) -> Deed:
        return lambda: palette.choose(index)

    def choose_tool(name: str) -> Deed:
        return lambda: tab.choose_tool(name)

    return {
        "previous": step(-1),
        "next": step(1),
        "accept": tab.review_box.accept_and_next,
        "what-next": tab.queue_box.go_next,
        "reviewed": tab.review_box.toggle_reviewed,
        "copy-previous": tab.propagate_box.copy_previous,
        "interpolate": tab.propagate_box.interpolate,
        **{f"class-{i}": choose_class(i) for i in range(1, 10)},
        "previous-class": lambda: palette.step(-1),
        "next-class": lambda: palette.step(1),
        "larger": lambda: tools.resize_brush(1),
        "smaller": lambda: tools.resize_brush(-1),
        **{
            tool.name: choose_tool(tool.name)
            for tool in (*BOUNDARY_TOOLS, *REGION_TOOLS)
        },
        "undo": view.undo,
        "redo": view.redo,
        "peek": (lambda: tab.show_labels(False), lambda: tab.show_labels(True)),
        "pan": choose_tool("pan"),
        "cancel": lambda: cancel(tab),
        "card": tab.show_card,
    }


def cancel(tab: CorrectWidget) -> None:
    """Give up what is half done: taking over, a path, a polygon."""
    layer = tab.view.labels_layer
    if tab.header.is_busy:
        tab.header.cancel()
    elif tab.canvas_tools.cancel() or layer is None:
        return
    elif tab.view.tool in BRUSH_TOOLS:
        # napari's own key, which ours has taken the place of.
        reset = type(layer).class_keymap.get(binding_of("Escape"))
        if callable(reset):
            reset(layer)
