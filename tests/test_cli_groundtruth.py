"""`napari-octseg ground-truth`, run as a person would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_octseg._console import complaints, console
from napari_octseg.boundaries import Boundaries, boundaries_to_labels
from napari_octseg.bundles.registry import find_bundle
from napari_octseg.cli import app
from napari_octseg.editing.grading import Grading
from napari_octseg.editing.review import ACCEPT_AS_IS, ReviewState
from napari_octseg.groundtruth.class_mapping import read_mapping
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.pseudonyms import pseudonym_of
from napari_octseg.groundtruth.scan_hash import scan_name
from napari_octseg.io import read_volume
from napari_octseg.io.save import save_labels, save_volume
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import OCTVolume
from tests.groundtruth.beside import decide_beside
from tests.groundtruth.random_scans import assert_same

RUNNER = CliRunner()
CLASSES = LabelSet.of("background", "RNFL", "GCIPL")
LAYERS = ("RNFL", "GCIPL")
SHAPE = (3, 32, 20)


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "secrets"))
    monkeypatch.setenv("OCTSEG_JOURNALS", str(tmp_path / "journals"))
    # Tables are as wide as the terminal was when the program was imported.
    monkeypatch.setattr(console, "_width", 200)
    monkeypatch.setattr(complaints, "_width", 200)


def run(*arguments: object, fails: bool = False) -> str:
    result = RUNNER.invoke(app, ["ground-truth", *(str(a) for a in arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert (result.exit_code != 0) == fails, result.output
    return " ".join(result.output.split())


def write_scan(folder: Path, name: str = "Smith_John_OD", seed: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.tif"
    pixels = np.random.default_rng(seed).integers(0, 255, SHAPE, np.uint8)
    tifffile.imwrite(path, pixels, metadata={"axes": "ZYX"})
    return path


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return write_scan(tmp_path / "clinic")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    folder = tmp_path / "truth"
    run("new", folder, "--classes", "background,RNFL,GCIPL")
    return folder


def flat(shift: float = 0) -> np.ndarray:
    rows = np.array([8.5, 14.5, 20.5], np.float32) + np.float32(shift)
    return np.repeat(rows[:, None], SHAPE[2], axis=1)


def correct(path: Path, label_set: LabelSet = CLASSES) -> None:
    """A model's layers, five columns of B-scan 1 drawn, B-scan 2 accepted as is."""
    grading = Grading.open(read_volume(path), label_set, LAYERS, grader="anna")
    edit = grading.begin("net 1", origin="net 1")
    labels = boundaries_to_labels(flat()[:, None], SHAPE[1], grading.layers)[0]
    for bscan in range(3):
        edit.set_prediction(bscan, labels, flat())
    edit.commit()
    edit = grading.begin("pen")
    edit.set_heights(1, 4, flat(2)[:, :5])
    edit.commit()
    grading.set_state(2, ReviewState.REVIEWED, tool=ACCEPT_AS_IS)
    grading.close()


def test_from_a_correction_to_an_export(
    scan: Path, truth: Path, tmp_path: Path
) -> None:
    correct(scan)
    said = run("add", truth, scan, "--patient", "John Smith")
    assert "version 1, 2 of 3 B-scans graded" in said
    data_set = DataSet.open(truth)
    assert data_set.label_set == CLASSES
    assert data_set.layers == LAYERS
    (entry,) = data_set.scans()
    assert entry.name == scan_name(read_volume(scan))
    assert entry.patient == pseudonym_of("john smith")
    found = data_set.read(entry.name)
    assert np.flatnonzero(found.graded_columns[1]).tolist() == [4, 5, 6, 7, 8]
    assert found.provenance is not None
    assert found.provenance.accepted == (False, False, True)
    # The data set knows whose scan it is now.
    assert "nothing new" in run("add", truth, scan)
    said = run("list", truth)
    for word in (entry.name, entry.patient, "not decided", data_set.digest()):
        assert word in said
    assert "as they were written" in run("check", truth)
    run("export", truth, tmp_path / "png", "--format", "png")
    run("new", tmp_path / "back", "--classes", "background,RNFL,GCIPL")
    run("import", tmp_path / "back", tmp_path / "png", "--format", "png")
    back = DataSet.open(tmp_path / "back").read(entry.name)
    assert_same(back, found)
    for path in truth.rglob("*"):
        assert not path.is_file() or b"Smith" not in path.read_bytes(), path


def test_labels_of_a_file_count_as_a_whole(
    scan: Path, truth: Path, tmp_path: Path
) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 9:15] = 1
    labels[0, :, :3] = IGNORE
    named, bare = tmp_path / "named.tif", tmp_path / "bare.tif"
    reordered = LabelSet.of("background", "GCIPL", "RNFL", "choroid")
    volume = read_volume(scan)
    save_labels(labels, named, volume=volume, label_set=CLASSES)
    run("add", truth, scan, named, "--patient", "7", "--name", "eye")
    data_set = DataSet.open(truth)
    found = data_set.read("eye")
    assert np.array_equal(found.labels, labels)
    assert found.provenance is not None
    assert found.provenance.accepted == (True,) * 3, "nobody said who drew them"
    assert not found.provenance.human_columns.any()
    # Codes without names, counted from 1.
    tifffile.imwrite(bare, np.where(labels == IGNORE, IGNORE, labels + 1))
    assert "nothing new" in run("add", truth, scan, bare, "--first-code", "1")
    tifffile.imwrite(bare, labels + np.uint8(7) * (labels == 1))
    assert "the code 8" in run("add", truth, scan, bare, fails=True)
    assert data_set.scans()[0].versions == (1,)
    # Classes are found by their names.
    save_labels(labels, named, volume=volume, label_set=reordered)
    said = run("add", truth, scan, named)
    assert "choroid" in said
    assert (data_set.read("eye").labels[1, 9:15] == 2).all()
    run("add", truth, scan, named, "--by-hand")
    drawn = data_set.read("eye").provenance
    assert drawn is not None
    assert drawn.accepted == (False,) * 3
    assert drawn.human_columns.all()


def test_a_correction_with_other_classes_needs_a_table(
    scan: Path, truth: Path, tmp_path: Path
) -> None:
    finding = LabelSet.of("background", "RNFL", "GCIPL", "IRF")
    said = run("add", truth, scan, "--patient", "7", fails=True)
    assert "nor with any others" in said
    correct(scan, finding)
    said = run("add", truth, scan, "--patient", "7", fails=True)
    assert "IRF" in said
    assert "--map" in said
    table = tmp_path / "map.csv"
    table.write_text("theirs,ours\nIRF,ignore\n")
    run("add", truth, scan, "--patient", "7", "--map", table)
    assert DataSet.open(truth).scans()[0].n_graded_bscans == 2


def test_a_patient_has_to_be_told(scan: Path, truth: Path) -> None:
    correct(scan)
    assert "--patient" in run("add", truth, scan, fails=True)
    assert DataSet.open(truth).scans() == []


def test_a_correction_that_is_open_in_a_window_is_left_alone(
    scan: Path, truth: Path
) -> None:
    correct(scan)
    held = Grading.open(read_volume(scan), CLASSES, LAYERS)
    try:
        said = run("add", truth, scan, "--patient", "7", fails=True)
        assert "another window" in said
    finally:
        held.close()
    run("add", truth, scan, "--patient", "7")


def test_classes_come_from_a_model_or_are_listed(
    tmp_path: Path, tiny_bundle: object
) -> None:
    assert callable(tiny_bundle)
    tiny_bundle("tiny")
    run("new", tmp_path / "a", "--model", "tiny", "--name", "Mine")
    card = find_bundle("tiny").card
    assert card is not None
    data_set = DataSet.open(tmp_path / "a")
    assert data_set.label_set.names == card.label_set.names
    assert (data_set.layers, data_set.name) == (tuple(card.layers), "Mine")
    run("new", tmp_path / "b", "--classes", "background, IRF,RNFL", "--layers", "")
    assert DataSet.open(tmp_path / "b").layers == ()
    for wrong in ([], ["--model", "tiny", "--classes", "background"]):
        assert "either" in run("new", tmp_path / "c", *wrong, fails=True)
    assert not (tmp_path / "c").exists()
    said = run("new", tmp_path / "a", "--classes", "background", fails=True)
    assert "dataset.json" in said


def test_what_is_graded_elsewhere_stays_unless_it_is_replaced(
    scan: Path, truth: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.tif"
    whole = np.full(SHAPE, IGNORE, np.uint8)
    whole[0] = 1
    save_labels(whole, labels, label_set=CLASSES)
    run("add", truth, scan, labels, "--patient", "7", "--by-hand")
    correct(scan)
    said = run("add", truth, scan)
    assert "3 of 3 B-scans graded" in said
    assert "B-scan 0 stays as in version 1. Add with --replace to drop that." in said
    data_set = DataSet.open(truth)
    (entry,) = data_set.scans()
    assert (data_set.read(entry.name).labels[0] == 1).all()
    said = run("add", truth, scan, "--replace")
    assert "version 3, 2 of 3 B-scans graded" in said
    assert "stays" not in said
    # Labels of nothing take nothing back, unless that is wanted.
    save_labels(np.full_like(whole, IGNORE), labels, label_set=CLASSES)
    assert "--replace" in run("add", truth, scan, labels, fails=True)
    assert "version 4, 0 of 3" in run("add", truth, scan, labels, "--replace")


def test_another_secret_gives_nobody_a_second_pseudonym(
    scan: Path, truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    correct(scan)
    run("add", truth, scan, "--patient", "John Smith")
    mine = pseudonym_of("John Smith")
    monkeypatch.setenv("OCTSEG_SECRETS", str(tmp_path / "elsewhere"))
    labels = tmp_path / "labels.tif"
    save_labels(np.ones(SHAPE, np.uint8), labels, label_set=CLASSES)
    other = write_scan(tmp_path / "clinic", "fellow", 1)
    for options in ([other, labels], [other]):
        if len(options) == 1:
            correct(other)
        said = run("add", truth, *options, "--patient", "John Smith", fails=True)
        assert "OCTSEG_SECRETS" in said
    assert DataSet.open(truth).patients() == (mine,)
    run("add", truth, other, "--patient", mine)
    # Whose scan it is is known, and needs no pseudonym.
    run("add", truth, scan, labels, "--by-hand")
    assert [one.patient for one in DataSet.open(truth).scans()] == [mine, mine]
    stranger = write_scan(tmp_path / "clinic", "stranger", 2)
    run("new", tmp_path / "b", "--classes", "background,RNFL,GCIPL")
    run("add", tmp_path / "b", stranger, labels, "--patient", "7", "--name", "one")
    run("export", tmp_path / "b", tmp_path / "out", "--format", "png")
    (tmp_path / "out" / "provenance.json").unlink()
    options = [tmp_path / "out", "--format", "png"]
    assert "OCTSEG_SECRETS" in run("import", truth, *options, fails=True)
    run("import", truth, *options, "--patient", mine)
    assert len(DataSet.open(truth).scans()) == 3


def test_labels_of_another_scan_are_refused(
    scan: Path, truth: Path, tmp_path: Path
) -> None:
    correct(scan)
    run("add", truth, scan, "--patient", "7")
    run("export", truth, tmp_path / "out", "--format", "boundary-csv")
    other = write_scan(tmp_path / "clinic", "fellow", 1)
    options = [tmp_path / "out", "--format", "boundary-csv", "--scan"]
    assert "another scan" in run("import", truth, *options, other, fails=True)
    assert len(DataSet.open(truth).scans()) == 1
    run("import", truth, *options, scan)


def test_the_split_is_decided_once(truth: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.tif"
    save_labels(np.ones(SHAPE, np.uint8), labels, label_set=CLASSES)
    for number in range(5):
        path = write_scan(tmp_path / "clinic", f"s{number}", number)
        run("add", truth, path, labels, "--patient", number)
    data_set = DataSet.open(truth)
    mine = pseudonym_of("3")
    run("split", truth, "--dry-run")
    assert data_set.split() == {}
    said = run("split", truth, "--hold-out", mine)
    split = data_set.split()
    assert said.count("validation") == 1
    assert [one for one, side in split.items() if side == "validation"] == [mine]
    assert len(split) == 5
    run("split", truth, "--seed", "5", "--fraction", "0.6")
    assert data_set.split() == split
    run("split", truth, "--train", mine, "--hold-out", pseudonym_of("1"))
    assert data_set.split()[mine] == "train"
    assert "No scan" in run("split", truth, "--train", "P-00000000", fails=True)


def test_a_split_leaves_what_somebody_else_decides(
    truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = tmp_path / "labels.tif"
    save_labels(np.ones(SHAPE, np.uint8), labels, label_set=CLASSES)
    for number in range(3):
        path = write_scan(tmp_path / "clinic", f"s{number}", number)
        run("add", truth, path, labels, "--patient", number)
    data_set = DataSet.open(truth)
    mine, theirs = pseudonym_of("1"), pseudonym_of("2")
    wait = decide_beside(data_set, monkeypatch, {theirs: "validation"})
    run("split", truth, "--hold-out", mine)
    wait()
    split = data_set.split()
    assert (split[mine], split[theirs]) == ("validation", "validation")


def test_damage_is_reported_with_status_1(scan: Path, truth: Path) -> None:
    correct(scan)
    run("add", truth, scan, "--patient", "7")
    (path,) = truth.rglob("labels.tif")
    path.write_bytes(b"")
    said = run("check", truth, fails=True)
    assert "labels.tif" in said
    assert "copy" in said


def test_labels_of_others_get_classes_by_a_table_that_can_be_edited(
    scan: Path, truth: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    run("new", other, "--classes", "background,NFL,mystery", "--layers", "NFL")
    labels = tmp_path / "labels.tif"
    made = np.ones(SHAPE, np.uint8)
    made[:, 20:] = 2
    save_labels(made, labels, label_set=LabelSet.of("background", "NFL", "mystery"))
    run("add", other, scan, labels, "--patient", "7", "--name", "public-1")
    run("export", other, tmp_path / "out", "--format", "tiff")
    options = ["--format", "tiff"]
    table = tmp_path / "map.csv"
    run("import", truth, tmp_path / "out", *options, "--write-map", table)
    assert DataSet.open(truth).scans() == []
    assert dict(read_mapping(table).renames) == {
        "background": "background",
        "NFL": "RNFL",
        "mystery": "ignore",
    }
    said = run("import", truth, tmp_path / "out", *options, "--keep-names")
    assert "mystery" in said
    found = DataSet.open(truth).read("public-1")
    assert (found.labels[:, :20] == 1).all()
    assert (found.labels[:, 20:] == IGNORE).all()
    table.write_text(table.read_text().replace("mystery,ignore", "mystery,GCIPL"))
    run("import", truth, tmp_path / "out", *options, "--map", table)
    assert (DataSet.open(truth).read("public-1").labels[:, 20:] == 2).all()


def test_formats_without_pixels_need_the_scan(
    scan: Path, truth: Path, tmp_path: Path
) -> None:
    correct(scan)
    run("add", truth, scan, "--patient", "7")
    run("export", truth, tmp_path / "out", "--format", "boundary-csv")
    back = tmp_path / "back"
    run("new", back, "--classes", "background,RNFL,GCIPL")
    options = ["--format", "boundary-csv", "--patient", "7"]
    said = run("import", back, tmp_path / "out", *options, fails=True)
    assert "--scan" in said
    run("import", back, tmp_path / "out", *options, "--scan", scan)
    ours, theirs = DataSet.open(truth), DataSet.open(back)
    (name,) = [one.name for one in theirs.scans()]
    one, other = ours.read(name).boundaries, theirs.read(name).boundaries
    assert one is not None
    assert other is not None
    assert one.names == other.names
    assert np.allclose(one.heights, other.heights, atol=1e-3, equal_nan=True)


def test_lines_of_a_device_have_to_be_accepted(tmp_path: Path) -> None:
    heights = np.stack([np.full((3, 20), row, np.float32) for row in (8, 14, 20)])
    volume = OCTVolume(
        np.zeros(SHAPE, np.uint8),
        boundaries=Boundaries(("ILM", "RNFL/GCL", "IPL/INL"), heights),
    )
    eye, truth = tmp_path / "device.eye", tmp_path / "truth"
    save_volume(volume, eye)
    run("new", truth, "--classes", "background,RNFL,GCIPL")
    options = ["--format", "device-boundaries", "--patient", "7"]
    said = run("import", truth, eye, *options, fails=True)
    assert "--accept-as-is" in said
    run("import", truth, eye, *options, "--accept-as-is")
    (one,) = DataSet.open(truth).scans()
    kept = DataSet.open(truth).read(one.name).provenance
    assert kept is not None
    assert kept.accepted == (True,) * 3


def test_what_there_is_not_is_told(scan: Path, truth: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "no scan" in run("export", truth, out, "--format", "png", fails=True)
    assert "no scan" in run("split", truth, fails=True)
    said = run("export", truth, out, "--format", "docx", fails=True)
    assert "nnunet" in said
    assert "begin a new one" in run("list", tmp_path, fails=True)
    assert not out.exists()
    correct(scan)
    run("add", truth, scan, "--patient", "7")
    out.mkdir()
    (out / "thesis.doc").write_text("mine")
    assert "already" in run("export", truth, out, "--format", "png", fails=True)
    assert (out / "thesis.doc").read_text() == "mine"
    said = run("export", truth, tmp_path / "x", "--format", "polygons", fails=True)
    assert "only be read" in said


def test_one_scan_can_be_exported(truth: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.tif"
    save_labels(np.ones(SHAPE, np.uint8), labels, label_set=CLASSES)
    for number in range(2):
        path = write_scan(tmp_path / "clinic", f"s{number}", number)
        run("add", truth, path, labels, "--patient", number, "--name", f"eye{number}")
    run("export", truth, tmp_path / "out", "--format", "png", "--scan", "eye1")
    names = [path.name for path in (tmp_path / "out").rglob("*")]
    assert any("eye1" in name for name in names)
    assert not any("eye0" in name for name in names)


def test_spacing_stays_that_of_the_file(truth: Path, tmp_path: Path) -> None:
    volume = OCTVolume(np.full(SHAPE, 9, np.uint8), spacing_um=(120.0, 3.9, 11.0))
    path, labels = tmp_path / "eye.nii.gz", tmp_path / "labels.tif"
    save_labels(np.asarray(volume.data), path, volume=volume)
    save_labels(np.ones(SHAPE, np.uint8), labels, label_set=CLASSES)
    run("add", truth, path, labels, "--patient", "7", "--name", "eye")
    found = DataSet.open(truth).read("eye").volume
    assert found.spacing == read_volume(path).spacing
    assert replace(found, device=None).spacing.axial == pytest.approx(3.9)


def test_background_that_may_be_a_finding_is_not_graded_unless_there_is_none(
    scan: Path, tmp_path: Path
) -> None:
    volume = read_volume(scan)
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, 10:14] = 1
    file = tmp_path / "labels.tif"
    save_labels(labels, file, volume, LabelSet.of("background", "RNFL"))
    folder = tmp_path / "findings"
    run("new", folder, "--classes", "background,RNFL,IRF")
    said = run("add", folder, scan, file, "--patient", "7")
    assert "do not tell IRF from background" in said
    (entry,) = DataSet.open(folder).scans()
    found = DataSet.open(folder).read(entry.name).labels
    assert np.array_equal(found, np.where(labels == 0, IGNORE, labels))
    said = run("add", folder, scan, file, "--none", "IRF")
    assert "background" not in said
    assert np.array_equal(DataSet.open(folder).read(entry.name).labels, labels)
    said = run("add", folder, scan, file, "--none", "drusen", fails=True)
    assert "drusen" in said


def test_labels_of_a_scan_that_is_known_stay_with_its_patient(
    scan: Path, truth: Path, tmp_path: Path
) -> None:
    correct(scan)
    run("add", truth, scan, "--patient", "John Smith")
    run("export", truth, tmp_path / "tiff", "--format", "tiff")
    # Without it the files do not tell the patient.
    (tmp_path / "tiff" / "provenance.json").unlink()
    said = run("import", truth, tmp_path / "tiff", "--format", "tiff")
    assert f"of {pseudonym_of('john smith')}: version 2" in said
    (entry,) = DataSet.open(truth).scans()
    assert entry.patient == pseudonym_of("john smith")
