"""The real data sets load with sensible options, each patient on one side only."""

from pathlib import Path
from typing import Any

import pytest
import torch

from napari_octseg.engine.data.sampling import load_training_set
from napari_octseg.engine.recipe import Recipe
from napari_octseg.labels import IGNORE

RASP = "BG H IRF SRF PED RPD HF GA FCE VMT ERM CNVM".split()

DUKE = {
    "folder": "duke_dme_fluid",
    "images": "images/*.png",
    "labels": "masks/{stem}.png",
    "codes": {0: ["background"], 255: ["IRF", "SRF", "PED"]},
    "index": "index.csv",
    "patient": "subject",
    "validation": ["5"],
    "ignore_white": True,
    "spacing_um": [3.87, 11.3],
    "focus": 0.5,
    "focus_codes": [255],
    "keep_empty": 0.25,
}
KERMANY = {
    "folder": "kermany_biomarkers",
    "images": "images/*.jpg",
    "labels": "masks/{stem}.png",
    "exclude": ["DME-3276918-7"],
    "codes": {0: ["background", "PED"], 1: ["IRF"], 3: ["SRF"]},
    "index": "index.csv",
    "patient": "patient",
    "validation": {"fraction": 0.2},
    "ignore_white": True,
    "focus": 0.6,
    "focus_codes": [1, 3],
}
SRF = {
    "folder": "srf_retouch_sjtu",
    "images": "images/*.png",
    "labels": "masks/{stem}.png",
    "codes": {0: ["background", "IRF", "PED"], 255: ["SRF"]},
    "patient": r"^(TRAIN\d+)_",
    "neighbours": True,
    "focus": 0.3,
    "focus_codes": [255],
}
CRBM = {
    "folder": "rasp_crbm",
    "images": "images_480x360/*.png",
    "labels": "labels_480x360/{stem}.png",
    "codes": {n + 1: ["background" if c == "BG" else c] for n, c in enumerate(RASP)},
    "validation": ["Bioptigen_5", "Cirrus_3", "Spectralis_5", "Topcon_3"],
}
OCTA = {
    "folder": "octa500_3m",
    "images": "images/*.png",
    "labels": "masks/{stem}.png",
    "codes": {0: ["background"], 255: ["vessel"]},
    "index": "index.csv",
    "validation": {"column": "split", "value": "val"},
}
XJTU = {
    "folder": "xjtu_octa_av",
    "images": "3x3/octa/A_vitreous/*.jpg",
    "labels": "3x3/labels/{stem}.png",
    "codes": {0: ["background"], 1: ["vessel"], 2: ["vessel"], 3: ["vessel"]},
    "validation": [2091, 2110],
}
DRIVE = {
    "folder": "fundus_vessels/DRIVE/training",
    "images": "images/*.png",
    "labels": "1st_manual/{number}_manual1.png",
    "mask": "mask/{stem}_mask.png",
    "channel": "green",
    "codes": {0: ["background"], 255: ["vessel"]},
    "validation": [37, 40],
}

SETS: dict[str, tuple[dict[str, Any], dict[str, Any], int, int]] = {
    # source, input section, images, patients
    "duke": (DUKE, {"n_neighbours": 1}, 55, 5),
    "kermany": (KERMANY, {}, 268, 122),
    "srf": (SRF, {"n_neighbours": 1}, 11, 1),
    "crbm": (CRBM, {}, 13, 13),
    "octa": (OCTA, {"plane": "enface"}, 150, 150),
    "xjtu": (XJTU, {"plane": "enface"}, 110, 110),
    "drive": (DRIVE, {"plane": "enface"}, 20, 20),
}


@pytest.mark.parametrize("name", SETS)
def test_a_set_loads_with_each_patient_on_one_side(
    recipe: Recipe, shared_data: Path, name: str
) -> None:
    source, spec, n_images, n_patients = SETS[name]
    classes = {c for meaning in source["codes"].values() for c in meaning}
    loaded = load_training_set(
        Recipe.model_validate(
            {
                **recipe.model_dump(),
                "sources": [{"name": name, **source}],
                "classes": ["background", *sorted(classes - {"background"})],
                "layers": [],
                "input": {**spec, "divisor": 32, "size": None},
                "crop": [128, 128],
            }
        ),
        shared_data,
    )
    trained = loaded.train
    kept, out = ({s.patient for s in part} for part in (trained, loaded.validation))
    assert not kept & out
    assert len(trained) + len(loaded.validation) == n_images
    assert len(kept | out) == n_patients
    assert bool(out) == (name != "srf")
    # Every code that is listed occurs, and is numbered from 0.
    n_codes = len(loaded.membership[0])
    found = {
        int(c)
        for s in [*trained, *loaded.validation]
        for c in s.codes.flatten().bincount().nonzero()
    }
    assert found - {IGNORE} == set(range(n_codes))
    n_channels = 1 + 2 * spec.get("n_neighbours", 0)
    batch = loaded.batch(2)
    assert batch.images.shape == (2, n_channels, 128, 128)
    assert bool(torch.isfinite(batch.images).all())


def test_neighbouring_bscans_of_a_real_volume_are_the_channels(
    recipe: Recipe, shared_data: Path
) -> None:
    values = recipe.model_dump()
    values["input"] = {"n_neighbours": 1, "divisor": 2}
    values["classes"] = ["background", "IRF", "PED", "SRF"]
    values["layers"] = []
    values["sources"] = [{"name": "srf", **SRF, "validation": ["TRAIN001"]}]
    values["sources"].append({**values["sources"][0], "name": "t", "validation": []})
    loaded = load_training_set(Recipe.model_validate(values), shared_data)
    images = [sample.image for sample in loaded.validation]
    assert torch.equal(images[4][0], images[3][1])
    assert torch.equal(images[4][2], images[5][1])
    assert torch.equal(images[0][0], images[0][1])  # beyond the end it is repeated
