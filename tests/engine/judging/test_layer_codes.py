"""Which codes of a data set are layers of a model."""

from __future__ import annotations

from napari_octseg.engine.data.datasets import CodeTable
from napari_octseg.engine.judging.layer_codes import LayerCodes, layer_codes

CLASSES = ("background", "RNFL", "GCIPL", "IRF")


def table(*rows: tuple[bool, ...]) -> CodeTable:
    return CodeTable({}, rows, tuple("abcd"[: len(rows)]))


def test_codes_of_layers_have_boundaries() -> None:
    found = layer_codes(
        table((True, False, False, False), (False, True, True, False)),
        CLASSES,
        ("RNFL", "GCIPL"),
    )
    assert found.codes == (1,)
    assert found.names == ("ILM", "bottom of GCIPL")


def test_a_code_that_stands_for_no_class_is_no_layer() -> None:
    nothing = table((True, False, False, False), (False,) * 4)
    assert layer_codes(nothing, CLASSES, ("RNFL", "GCIPL")) == LayerCodes()
    assert layer_codes(nothing, CLASSES, ()) == LayerCodes()
