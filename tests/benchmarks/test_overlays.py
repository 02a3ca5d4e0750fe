"""Pictures of models: every kind of bundle has one, in the colours of its classes."""

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from benchmarks import overlays
from napari_octseg.bundles.registry import Bundle

SIZE = (64, 64)


@pytest.mark.parametrize(
    ("classes", "layers", "spec"),
    [
        (("background", "RNFL", "GCIPL", "choroid"), ("RNFL", "GCIPL"), {}),
        (("background", "IRF", "SRF", "PED"), (), {"n_neighbours": 3}),
        (("background", "H", "IRF", "RPD"), (), {}),
        (("background", "vessel"), (), {"plane": "enface"}),
    ],
)
def test_every_kind_of_model_has_a_picture_on_a_phantom(
    tiny_bundle,  # type: ignore[no-untyped-def]
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    classes: tuple[str, ...],
    layers: tuple[str, ...],
    spec: dict[str, object],
) -> None:
    monkeypatch.setattr(overlays, "REPOSITORY", tmp_path)
    bundle: Bundle = tiny_bundle(
        "net", classes=classes, layers=layers, size=SIZE, **spec
    )
    panels = overlays.phantom_panels(bundle)
    assert [title for title, _, _ in panels] == ["scan", "labels", "model"]
    truth, said = panels[1][2], panels[2][2]
    assert truth is not None
    assert said is not None
    assert truth.shape == said.shape == panels[0][1].shape
    assert set(np.unique(truth)) - {0}, "the phantom has what the model labels"
    assert truth.max() < len(classes)
    overlays.save(panels, overlays.card_of(bundle), tmp_path / "net.png")
    assert iio.imread(tmp_path / "net.png").shape[1] == 3 * 420
    assert (tmp_path / "net.png").stat().st_size < 250_000
    small = tmp_path / overlays.THUMBNAIL
    overlays.save_thumbnail(panels, overlays.card_of(bundle), small)
    assert iio.imread(small).shape[1] == 320
    assert small.stat().st_size < 60_000


def test_labels_are_drawn_in_the_colour_of_their_class(
    tiny_bundle,  # type: ignore[no-untyped-def]
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overlays, "REPOSITORY", tmp_path)
    card = overlays.card_of(tiny_bundle("net"))
    black = np.zeros((50, 416), np.float32)
    labels = np.full((50, 416), 2, np.uint8)
    labels[:, 200:] = 255  # what nobody labelled is left as it is
    overlays.save([("labels", black, labels)], card, tmp_path / "net.png")
    pixels = iio.imread(tmp_path / "net.png", mode="RGB")
    colour = np.array([int(card.classes[2].colour[i : i + 2], 16) for i in (1, 3, 5)])
    np.testing.assert_allclose(pixels[40, 100], colour / 2, atol=1)
    assert not pixels[40, 300].any()


def test_real_scans_are_shown_with_the_labels_of_their_source(
    tiny_bundle,  # type: ignore[no-untyped-def]
    tiny_recipe: Path,
    data: Path,
) -> None:
    bundle = tiny_bundle("net", size=(32, 32))
    (bundle.folder / "recipe.json").write_text(tiny_recipe.read_text())
    found = dict(overlays.real_panels(bundle, data, most=1))
    assert set(found) == {Path("stripes/scan10.png"), Path("tissue/scan4.png")}
    truth = found[Path("stripes/scan10.png")][1][2]
    true = iio.imread(data / "stripes/labels/scan10.png")
    assert truth is not None
    np.testing.assert_array_equal(truth == 1, true == 7)
    # "RNFL or GCIPL" has the colour of the first.
    bands = found[Path("tissue/scan4.png")][1][2]
    assert bands is not None
    assert set(np.unique(bands)) == {0, 1, 255}
