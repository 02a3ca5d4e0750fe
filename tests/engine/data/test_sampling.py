from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from napari_octseg.engine.augmentation.draws import Draws
from napari_octseg.engine.data.datasets import load_source
from napari_octseg.engine.data.pool import Pool, Sample
from napari_octseg.engine.data.sampling import load_training_set
from napari_octseg.engine.recipe import Recipe
from napari_octseg.errors import RecipeError
from napari_octseg.labels import IGNORE


def changed(recipe: Recipe, **values: Any) -> Recipe:
    """The recipe with other fields, checked as if it had been read."""
    return Recipe.model_validate({**recipe.model_dump(), **values})


def with_source(recipe: Recipe, **values: Any) -> Recipe:
    """The recipe with its first source alone, changed."""
    source = {**recipe.sources[0].model_dump(), **values}
    return changed(recipe, sources=[source])


@pytest.fixture
def speck(tmp_path: Path, recipe: Recipe) -> tuple[Recipe, Path]:
    """One scan (96, 120) with a speck of code 255, trained on at its own size."""
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    grey = np.random.default_rng(0).integers(0, 200, (96, 120)).astype(np.uint8)
    labels = np.zeros((96, 120), np.uint8)
    labels[70:74, 90:94] = 255
    for name in ("a", "b"):
        iio.imwrite(tmp_path / f"images/{name}.png", grey)
        iio.imwrite(tmp_path / f"labels/{name}.png", labels)
    native = changed(recipe, input={**recipe.input.model_dump(), "size": None})
    codes = {0: ["background", "GCIPL"], 255: ["RNFL"]}
    values = {"folder": "", "codes": codes, "validation": ["b"]}
    return with_source(native, **values), tmp_path


def test_a_batch_is_as_the_training_takes_it(recipe: Recipe, data: Path) -> None:
    batch = load_training_set(recipe, data).batch(5)
    assert batch.images.shape == (5, 1, 32, 32)
    assert batch.images.dtype == torch.float32
    assert 0 <= float(batch.images.min()) <= float(batch.images.max()) <= 1
    assert batch.codes.shape == (5, 32, 32)
    assert batch.codes.dtype == torch.uint8
    assert batch.membership.shape == (5, 3, 3)
    assert batch.membership.dtype == torch.bool


def test_held_out_scans_are_never_trained_on(recipe: Recipe, data: Path) -> None:
    loaded = load_training_set(recipe, data)
    assert [s.patient for s in loaded.validation] == ["scan10", "scan4", "scan5"]
    assert len(list(loaded.labels())) == 12 - 3


def test_sources_are_drawn_by_their_weight(recipe: Recipe, data: Path) -> None:
    sources = [s.model_dump() for s in recipe.sources]
    sources[0]["weight"] = 0.0
    loaded = load_training_set(changed(recipe, sources=sources), data)
    found = loaded.batch(8).membership
    assert (found == loaded.membership[1]).all()


def test_its_random_numbers_can_be_kept_and_gone_on_with(
    recipe: Recipe, data: Path
) -> None:
    first, second = (load_training_set(recipe, data) for _ in range(2))
    first.batch(3)
    state = first.state_dict()
    expected = first.batch(2)
    second.load_state_dict(state)
    assert torch.equal(second.batch(2).images, expected.images)
    second.load_state_dict(state)
    second.reseed(5)
    assert not torch.equal(second.batch(2).images, expected.images)


def test_crops_are_cut_from_scans_at_their_own_size(speck: tuple[Recipe, Path]) -> None:
    loaded = load_training_set(*speck)
    assert loaded.validation[0].image.shape == (1, 96, 120)
    assert loaded.batch(2).images.shape == (2, 1, 32, 32)


def share_with_speck(recipe: Recipe, folder: Path, n: int = 120) -> float:
    codes = load_training_set(recipe, folder).batch(n).codes
    return float((codes == 1).flatten(1).any(1).float().mean())


def test_crops_are_centred_on_what_is_rare(speck: tuple[Recipe, Path]) -> None:
    recipe, folder = speck
    plain = share_with_speck(recipe, folder)
    focused = with_source(recipe, focus=0.9, focus_codes=[255])
    assert plain < 0.35
    assert share_with_speck(focused, folder) > 0.8


def test_most_crops_without_what_is_rare_can_be_dropped(
    speck: tuple[Recipe, Path],
) -> None:
    recipe, folder = speck
    p = share_with_speck(recipe, folder, 400)
    dropped = with_source(recipe, keep_empty=0.25, focus_codes=[255])
    expected = p / (p + 0.25 * (1 - p))
    assert abs(share_with_speck(dropped, folder, 400) - expected) < 0.12


def test_crops_are_cut_where_there_is_something_to_see(recipe: Recipe) -> None:
    random = np.random.default_rng(1)
    image = np.zeros((200, 100), np.float32)
    image[120:160] = random.random((40, 100)) * 0.9
    sample = Sample(torch.from_numpy(image)[None], torch.zeros(200, 100).byte(), 0, "x")
    source = recipe.sources[0].model_copy(update={"roi": 1.0})
    pool, draws = Pool(source, [sample], []), Draws(0)
    centres = [pool.draw(draws)[1] for _ in range(10)]
    assert all(c is not None and 125 < c[0] < 155 for c in centres)
    assert len({c[1] for c in centres if c is not None}) > 3


def test_neighbours_are_the_channels(recipe: Recipe, data: Path) -> None:
    spec = {**recipe.input.model_dump(), "n_neighbours": 1}
    one = {**recipe.architecture.model_dump()}
    one["arguments"] = {**one["arguments"], "in_channels": 3}
    wide = changed(recipe, input=spec, architecture=one)
    neighbours = with_source(wide, neighbours=True, validation=[])
    second = load_training_set(neighbours, data).train[1].image
    alone = with_source(recipe, validation=["scan1", "scan2", "scan3"])
    each = load_training_set(alone, data).validation
    assert torch.equal(second, torch.cat([s.image for s in each]))
    single = load_training_set(with_source(wide, validation=["scan2"]), data)
    assert torch.equal(single.validation[0].image, each[1].image.repeat(3, 1, 1))


def test_a_step_of_the_card_is_run_on_training_scans(
    recipe: Recipe, data: Path
) -> None:
    spec = {**recipe.input.model_dump(), "prepare": [{"name": "median_3x3"}]}
    plain, smooth = (
        load_training_set(r, data).validation[0].image
        for r in (recipe, changed(recipe, input=spec))
    )
    assert float(smooth.diff().abs().mean()) < 0.8 * float(plain.diff().abs().mean())


def test_codes_follow_a_step_that_changes_the_rows(
    speck: tuple[Recipe, Path],
) -> None:
    recipe, folder = speck
    step = {"name": "device_scale", "arguments": {"reference_um": 4.0}}
    spec = {**recipe.input.model_dump(), "prepare": [step]}
    scaled = with_source(changed(recipe, input=spec), spacing_um=[2.0, 11.0])
    sample = load_training_set(scaled, folder).validation[0]
    assert sample.image.shape == (1, 48, 120)
    rows = (sample.codes == 1).any(1).nonzero()[:, 0]
    assert (int(rows[0]), int(rows[-1])) == (35, 36)


def test_targets_lend_their_look(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    (tmp_path / "targets").mkdir()
    (tmp_path / "stripes").symlink_to(data / "stripes")
    bright = np.random.default_rng(0).integers(150, 250, (50, 60)).astype(np.uint8)
    iio.imwrite(tmp_path / "targets/x.png", bright)
    target = {"name": "bright", "folder": "targets", "images": "*.png"}
    still = {"contrast": 0, "brightness": 0, "gamma": 0, "shift": 0, "zoom": 0}
    still |= {"rotation_deg": 0, "shear": 0, "bend": 0, "roll_off": 0, "speckle": 0}
    still |= {"wedges": 0, "shadows": 0, "uneven": 0, "noise": 0}
    plain = with_source(changed(recipe, augment=still))
    styled = changed(plain, augment={**still, "svdna": 1.0}, targets=[target])
    images = load_training_set(styled, tmp_path).batch(4).images
    assert float(images.quantile(0.05)) > 0.5
    assert float(load_training_set(plain, tmp_path).batch(4).images.median()) < 0.5


def test_a_source_can_lend_the_look_of_its_training_scans(
    recipe: Recipe, data: Path
) -> None:
    target = {"name": "tissue", "source": "tissue"}
    styled = changed(recipe, augment={"match": 0.5}, targets=[target])
    assert load_training_set(styled, data).batch(4).images.shape == (4, 1, 32, 32)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"augment": {"svdna": 0.5}}, "need targets"),
        ({"targets": [{"name": "x", "folder": "f"}]}, "need targets"),
        (
            {"augment": {"match": 0.5}, "targets": [{"name": "x", "source": "y"}]},
            "'y'.*not among",
        ),
    ],
)
def test_looks_without_targets_are_refused(
    recipe: Recipe, values: dict[str, object], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        changed(recipe, **values)


def test_a_target_without_images_is_named(recipe: Recipe, data: Path) -> None:
    target = {"name": "none", "folder": "nowhere"}
    styled = changed(recipe, augment={"svdna": 0.5}, targets=[target])
    with pytest.raises(RecipeError, match="nowhere"):
        load_training_set(styled, data)


def test_en_face_images_are_a_source_too(recipe: Recipe, data: Path) -> None:
    spec = {**recipe.input.model_dump(), "plane": "enface"}
    loaded = load_training_set(changed(recipe, input=spec, layers=[]), data)
    batch = loaded.batch(20)
    assert (batch.codes == IGNORE).any()  # corners of what was turned


def test_all_scans_know_their_patient(recipe: Recipe, data: Path) -> None:
    source = with_source(recipe, patient=r"scan(\d)", validation=["1"]).sources[0]
    scans = load_source(source, data, recipe)
    assert [s.patient for s in scans if s.held_out] == ["1", "1"]
