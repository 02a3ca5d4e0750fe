import numpy as np

from napari_octseg.engine.steps.retina import retina_band


def band_of(rows: int = 60, columns: int = 100) -> np.ndarray:
    """A retina from row 20 to 39 over the whole width."""
    tissue = np.zeros((rows, columns), bool)
    tissue[20:40] = True
    return tissue


def test_the_band_is_found_with_holes_inside() -> None:
    tissue = band_of()
    tissue[25:30, 40:60] = False  # a cyst
    first, last = retina_band(tissue)
    assert (first == 20).all()
    assert (last == 39).all()


def test_text_and_icons_elsewhere_do_not_count() -> None:
    tissue = band_of()
    tissue[2:14, 0:20] = True
    tissue[50:58, 80:100] = True
    first, last = retina_band(tissue)
    assert (first == 20).all()
    assert (last == 39).all()


def test_what_lies_beyond_a_shadow_still_counts() -> None:
    tissue = band_of()
    tissue[:, 30:33] = False
    first, last = retina_band(tissue)
    assert (first[:30] == 20).all()
    assert (first[33:] == 20).all()
    assert (first[30:33] > last[30:33]).all()


def test_no_tissue_is_no_band() -> None:
    first, last = retina_band(np.zeros((5, 7), bool))
    assert (first > last).all()
