"""Random changes of training scans that scanners and eyes make too.

Never an upside-down retina: B-scans are flipped left to right only.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from napari_octseg.engine.augmentation.draws import Draws
from napari_octseg.engine.augmentation.grey import recolour
from napari_octseg.engine.augmentation.svdna import MOST_COMPONENTS
from napari_octseg.engine.augmentation.warp import draw_grid, warp_codes, warp_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


@dataclass(frozen=True)
class AugmentSettings:
    """How far each change may go; 0 turns it off. The defaults are for B-scans.

    svdna, match
        Chance of the noise and grey values, or of the grey values alone, of a target of
        the recipe.
    components_least, components_most
        Singular components that `svdna` takes for anatomy.
    flip, flip_rows
        Chance of a left-right and of an upside-down mirror image.
    rotation_deg, shear, zoom, shift
        Half ranges of the affine change; shear is rows per column, zoom and shift are
        shares of the image. An image with room for the crop is not shifted beyond it.
    bend
        Largest smooth axial displacement along the B-scan, share of the depth.
    elastic
        Largest smooth displacement both ways, share of the distance (48 px) over which
        it changes.
    gamma, contrast, brightness
        Half ranges in log units (gamma, contrast) and grey values (brightness).
    speckle, noise, blur
        Largest deviation of the multiplicative and additive noise; largest blur, px.
    roll_off
        Largest loss of signal from top to bottom, or from bottom to top as enhanced
        depth imaging has it: the factor between both ends, natural log.
    uneven, clouds
        Largest smooth change of brightness along the B-scan, and both ways, as a share.
    shadows
        Chance of dark columns, as vessels cast them.
    wedges
        Chance of a white wedge at one side, as image registration leaves.
    """

    svdna: float = 0.0
    match: float = 0.0
    components_least: float = 20
    components_most: float = 60
    flip: float = 0.5
    flip_rows: float = 0.0
    rotation_deg: float = 8.0
    shear: float = 0.15
    zoom: float = 0.2
    shift: float = 0.12
    bend: float = 0.03
    elastic: float = 0.0
    gamma: float = 0.4
    contrast: float = 0.3
    brightness: float = 0.1
    speckle: float = 0.35
    noise: float = 0.08
    blur: float = 1.2
    roll_off: float = 0.8
    uneven: float = 0.3
    clouds: float = 0.0
    shadows: float = 0.3
    wedges: float = 0.2


_ENFACE = AugmentSettings(
    flip_rows=0.5,
    rotation_deg=180.0,
    shear=0.1,
    shift=0.1,
    bend=0.0,
    elastic=0.05,
    gamma=0.3,
    contrast=0.2,
    speckle=0.15,
    noise=0.04,
    blur=0.8,
    roll_off=0.0,
    uneven=0.0,
    clouds=0.2,
    shadows=0.0,
    wedges=0.0,
)

_MOST = {
    **dict.fromkeys(("svdna", "match", "flip", "flip_rows", "shadows", "wedges"), 1.0),
    "components_least": MOST_COMPONENTS,
    "components_most": MOST_COMPONENTS,
    "zoom": 0.9,
    "elastic": 0.25,
}
_MOST_OF_BSCANS = {"flip_rows": 0.0, "rotation_deg": 30.0, "shear": 0.5, "bend": 0.15}


def augment_settings(plane: str, changes: Mapping[str, float]) -> AugmentSettings:
    """Settings for ``bscan`` or ``enface`` images, with some of them changed.

    Parameters
    ----------
    plane
        En-face images may be turned and mirrored either way, B-scans may not.
    changes
        Field of `AugmentSettings` → value.

    Raises
    ------
    ValueError
        If a field is unknown, or a value would fold the image or turn a retina upside
        down.
    """
    known = [field.name for field in fields(AugmentSettings)]
    unknown = sorted(set(changes) - set(known))
    if unknown:
        raise ValueError(f"augment: {unknown} are not among {known}")
    most = _MOST if plane == "enface" else _MOST | _MOST_OF_BSCANS
    for name, value in changes.items():
        if value > most.get(name, value):
            raise ValueError(f"augment: {name} {value} is above {most[name]} ({plane})")
    start = _ENFACE if plane == "enface" else AugmentSettings()
    settings = replace(start, **changes)
    if not 1 <= settings.components_least <= settings.components_most:
        raise ValueError("augment: components_least is not in 1…components_most")
    if settings.svdna + settings.match > 1:
        raise ValueError("augment: svdna + match is above 1")
    return settings


class Augmenter:
    """Applies random changes, reproducible from its seed.

    Parameters
    ----------
    settings
        Ranges.
    seed
        Seed of the random numbers, or a stream of them to go on with.
    """

    def __init__(self, settings: AugmentSettings, seed: int | Draws) -> None:
        self.settings = settings
        self.draws = seed if isinstance(seed, Draws) else Draws(seed)

    def __call__(
        self,
        image: Tensor,
        codes: Tensor,
        size: tuple[int, int],
        centre: tuple[int, int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """A changed crop of `size`.

        Parameters
        ----------
        image
            (C, H, W) float32 in 0…1.
        codes
            (H, W) uint8; pixels from outside the image become `IGNORE`.
        size
            Rows and columns of the crop.
        centre
            (row, column) that is to be in the middle half of the crop.

        Returns
        -------
        Image and codes of `size`.
        """
        grid = self.draw_grid((codes.shape[0], codes.shape[1]), size, centre)
        return self.recolour(warp_image(image, grid)), warp_codes(codes, grid)

    def draw_grid(
        self,
        native: tuple[int, int],
        size: tuple[int, int],
        centre: tuple[int, int] | None = None,
    ) -> Tensor:
        """A random crop of `size` with its changes of geometry (`augment_warp`)."""
        return draw_grid(native, size, self.settings, self.draws, centre)

    def recolour(self, image: Tensor) -> Tensor:
        """The changes of grey values alone."""
        return recolour(image, self.settings, self.draws)
