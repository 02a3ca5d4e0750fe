import numpy as np

from napari_octseg.editing.runs import runs_of


def test_runs_are_found_at_the_ends_too() -> None:
    assert runs_of(np.array([1, 1, 0, 1, 0, 0, 1], bool)) == [(0, 2), (3, 4), (6, 7)]
    assert runs_of(np.zeros(3, bool)) == []
    assert runs_of(np.ones(3, bool)) == [(0, 3)]
    assert runs_of(np.empty(0, bool)) == []
