"""How solid each class is drawn in three dimensions."""

from __future__ import annotations

from napari_octseg.labels import canonical_name

# Face and edge of RASP-Net's 3-D macular profile (Hassan et al., IEEE Trans. Instrum.
# Meas. 70, 2021, with the program that they published): tissue is glass, what it holds
# is seen within.
_PUBLISHED: dict[str, tuple[float, float]] = {
    "H": (0.2, 0.1),
    "IRF": (0.5, 0.7),
    "SRF": (0.4, 0.7),
    "PED": (0.4, 0.7),
    "RPD": (0.4, 0.7),
    "HF": (0.3, 0.4),
    "GA": (0.8, 0.5),
    "FCE": (1.0, 0.5),
    "VMT": (0.8, 0.5),
    "ERM": (0.7, 0.5),
    "CNVM": (0.7, 0.5),
}
_LIKE = {"drusen": "RPD", "SHRM": "CNVM", "fluid": "IRF", "choroid": "H"}
_LAYER = (0.4, 0.3)


def opacity_of(name: str) -> tuple[float, float]:
    """Opacity of the faces and of the edges of a class, each in 0…1.

    Classes of RASP-Net have those that were published, findings that it does not know
    those of the finding that is most like them, layers one of their own.
    """
    own = canonical_name(name)
    return _PUBLISHED.get(_LIKE.get(own, own), _LAYER)
