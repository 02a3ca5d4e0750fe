"""A data set gives back what was put in, keeps every version, and names nobody."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings

from napari_octseg.errors import LabelError, OctsegError, ReadError, WriteError
from napari_octseg.groundtruth.data_set import DataSet
from napari_octseg.groundtruth.graded_scan import GradedScan, accepted_as_is
from napari_octseg.io.format import ReadOptions
from napari_octseg.labels import IGNORE, LabelSet
from napari_octseg.volume import Localizer, Origin, Spacing
from tests.groundtruth.beside import decide_beside
from tests.groundtruth.random_scans import (
    LABEL_SET,
    LAYERS,
    assert_same,
    graded_scans,
    patient,
    plain_scan,
)


@pytest.fixture
def data_set(tmp_path: Path) -> DataSet:
    return DataSet.create(tmp_path / "truth", "Mine", LABEL_SET, LAYERS)


def relabelled(scan: GradedScan, label: int) -> GradedScan:
    return replace(scan, labels=np.full_like(scan.labels, label))


def told(error: OctsegError, *words: str) -> None:
    """An error says what was got, what is allowed or what to do."""
    assert error.got
    assert error.allowed or error.todo
    for word in words:
        assert word in str(error)


@settings(max_examples=60, deadline=None)
@given(scan=graded_scans())
def test_what_is_read_is_what_was_added(scan: GradedScan) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data_set = DataSet.create(Path(folder), "Mine", LABEL_SET, LAYERS)
        version = data_set.add(scan)
        assert version.is_new
        assert version.name == scan.name
        assert version.graded_bscans == scan.graded_bscans
        opened = DataSet.open(Path(folder))
        assert_same(opened.read(scan.name), scan)
        assert opened.check() == []
        assert not opened.add(opened.read(scan.name)).is_new
        assert opened.graded_bscans(scan.name) == scan.graded_bscans


def test_a_data_set_knows_its_classes(data_set: DataSet) -> None:
    found = DataSet.open(data_set.folder)
    assert found == data_set
    assert (found.name, found.label_set, found.layers) == ("Mine", LABEL_SET, LAYERS)
    assert found.scans() == []
    assert found.split() == {}
    assert found.check() == []


def test_pixels_are_stored_once_and_unchanged(data_set: DataSet) -> None:
    scan = plain_scan()
    data_set.add(scan)
    pixels = data_set.folder / "scans" / "eye" / "pixels.tif"
    before = pixels.stat()
    version = data_set.add(replace(relabelled(scan, 2), name="other-name"))
    assert (version.name, version.number) == ("eye", 2)
    assert pixels.stat().st_mtime_ns == before.st_mtime_ns
    assert len(list(data_set.folder.rglob("pixels.tif"))) == 1
    assert np.array_equal(tifffile.imread(pixels), scan.volume.data)


def test_versions_are_kept_for_ever(data_set: DataSet) -> None:
    scan = plain_scan()
    first = data_set.add(scan)
    files = {path: path.read_bytes() for path in first.folder.iterdir()}
    for label in (2, 3):
        data_set.add(relabelled(scan, label))
    (entry,) = data_set.scans()
    assert entry.versions == (1, 2, 3)
    assert entry.newest.number == 3
    assert {path: path.read_bytes() for path in first.folder.iterdir()} == files
    assert_same(data_set.read("eye", 1), scan)
    assert (data_set.read("eye", 2).labels == 2).all()
    assert (data_set.read("eye").labels == 3).all()
    assert [one.number for one in data_set.versions("eye")] == [1, 2, 3]


def test_what_has_not_changed_makes_no_version(data_set: DataSet) -> None:
    first = data_set.add(plain_scan())
    again = data_set.add(plain_scan())
    assert not again.is_new
    assert replace(again, is_new=True) == first
    # Looking at it for longer is nothing new either.
    scan = plain_scan()
    assert scan.provenance is not None
    longer = replace(scan.provenance, seconds=(99.0,) * 3)
    assert not data_set.add(replace(scan, provenance=longer)).is_new
    assert data_set.scans()[0].versions == (1,)


def changed_states(scan: GradedScan) -> GradedScan:
    assert scan.provenance is not None
    states = ("corrected", "reviewed", "reviewed")
    return replace(scan, provenance=replace(scan.provenance, states=states))


def changed_origins(scan: GradedScan) -> GradedScan:
    assert scan.provenance is not None
    origins = scan.provenance.origins * 2
    return replace(scan, provenance=replace(scan.provenance, origins=origins))


def changed_heights(scan: GradedScan) -> GradedScan:
    assert scan.boundaries is not None
    heights = scan.boundaries.heights + np.float32(0.25)
    return replace(scan, boundaries=replace(scan.boundaries, heights=heights))


def changed_spacing(scan: GradedScan) -> GradedScan:
    spacing = Spacing.of((None, 4.0, None), Origin.USER)
    return replace(scan, volume=replace(scan.volume, spacing=spacing))


def without_provenance(scan: GradedScan) -> GradedScan:
    return replace(scan, provenance=None)


@pytest.mark.parametrize(
    "change",
    [
        changed_states,
        changed_origins,
        changed_heights,
        changed_spacing,
        without_provenance,
    ],
)
def test_what_has_changed_makes_one(data_set: DataSet, change: object) -> None:
    assert callable(change)
    data_set.add(plain_scan())
    before = data_set.digest()
    scan = change(plain_scan())
    assert data_set.add(scan).number == 2
    assert data_set.digest() != before
    assert_same(data_set.read("eye"), scan)
    assert_same(data_set.read("eye", 1), plain_scan())


def test_scans_of_one_name_are_told_apart(data_set: DataSet) -> None:
    names = [data_set.add(plain_scan(seed, name="oct")).name for seed in range(3)]
    names.append(data_set.add(plain_scan(3, name="OCT")).name)
    assert names == ["oct", "oct-2", "oct-3", "OCT-4"]
    assert [one.name for one in data_set.scans()] == sorted(names)
    assert_same(data_set.read("oct-2"), plain_scan(1, name="oct-2"))


def test_one_scan_is_of_one_patient(data_set: DataSet) -> None:
    data_set.add(plain_scan())
    with pytest.raises(LabelError) as error:
        data_set.add(plain_scan(patient=patient(2)))
    told(error.value, patient(1), patient(2))
    assert data_set.scans()[0].versions == (1,)


def test_nothing_tells_whose_eye_it_is(data_set: DataSet) -> None:
    scan = plain_scan()
    volume = replace(
        scan.volume,
        source="/clinic/Smith_John.vol",
        notes=("Smith",),
        localizer=Localizer(np.full((5, 5), 77, np.uint8)),
        positions=np.zeros((3, 2, 2), np.float32),
    )
    data_set.add(replace(scan, volume=volume))
    assert_same(data_set.read("eye"), scan)
    kept = data_set.read("eye").volume
    assert (kept.source, kept.notes, kept.localizer) == (None, (), None)
    for path in data_set.folder.rglob("*"):
        assert "Smith" not in str(path.relative_to(data_set.folder))
        assert not path.is_file() or b"Smith" not in path.read_bytes()
        assert not path.is_file() or b"clinic" not in path.read_bytes()


def test_pixels_left_on_disk_are_added_too(data_set: DataSet) -> None:
    scan = plain_scan()
    lazy = da.from_array(scan.volume.data, chunks=(1, 12, 9))
    data_set.add(replace(scan, volume=replace(scan.volume, data=lazy)))
    assert_same(data_set.read("eye"), scan)
    assert not data_set.add(scan).is_new


def test_files_tell_people_what_they_hold(data_set: DataSet) -> None:
    version = data_set.add(plain_scan())
    rows = (version.folder / "bscans.csv").read_text().splitlines()
    assert rows[0].startswith("bscan,state,accepted_as_is,grader,seconds,edit_um")
    assert rows[1] == "0,reviewed,yes,G-00000001,1.5,,9,9,human: 9"
    facts = json.loads((version.folder / "version.json").read_text())
    assert facts["volume"]["spacing_um"] == [120.0, 3.87, 11.5]
    assert set(facts["files"]) == {path.name for path in version.folder.iterdir()} - {
        "version.json"
    }


def test_other_classes_do_not_get_in(data_set: DataSet) -> None:
    other = LabelSet.of("background", "GCIPL", "RNFL", "IRF")
    with pytest.raises(LabelError) as error:
        data_set.add(replace(plain_scan(), label_set=other))
    told(error.value, "GCIPL, RNFL", "map")
    with pytest.raises(LabelError, match="layers"):
        data_set.add(replace(plain_scan(), layers=("RNFL",)))
    assert data_set.scans() == []


def test_a_new_scan_needs_something_graded(data_set: DataSet) -> None:
    with pytest.raises(LabelError) as error:
        data_set.add(relabelled(plain_scan(), IGNORE))
    told(error.value, "Nothing", "reviewed")
    assert data_set.scans() == []
    # Of one that is there, all is taken back only if somebody says so.
    data_set.add(plain_scan())
    with pytest.raises(LabelError) as error:
        data_set.add(relabelled(plain_scan(), IGNORE))
    told(error.value, "Nothing", "--replace")
    assert data_set.scans()[0].n_graded_bscans == 3
    emptied = data_set.add(relabelled(plain_scan(), IGNORE), replaces=True)
    assert emptied.graded_bscans == ()
    assert data_set.scans()[0].n_graded_bscans == 0
    with pytest.raises(LabelError):
        data_set.add(relabelled(plain_scan(5), IGNORE), replaces=True)


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    scans = [plain_scan(i, name=f"s{i}", patient=patient(i)) for i in range(3)]
    digests = []
    for number, order in enumerate([scans, scans[::-1]]):
        data_set = DataSet.create(tmp_path / str(number), "x", LABEL_SET, LAYERS)
        empty = data_set.digest()
        for scan in order:
            data_set.add(scan)
        digests.append(data_set.digest())
        assert digests[-1] != empty
    assert digests[0] == digests[1]
    data_set.set_split({patient(0): "validation"})
    assert data_set.digest() == digests[0]
    data_set.add(relabelled(scans[1], 2))
    assert data_set.digest() != digests[0]


def test_the_split_is_by_patient_and_kept(data_set: DataSet) -> None:
    for seed in range(6):
        name = f"s{seed}"
        data_set.add(plain_scan(seed, name=name, patient=patient(seed // 2)))
    assert data_set.patients() == (patient(0), patient(1), patient(2))
    data_set.set_split({patient(0): "validation"})
    data_set.set_split({patient(1): "train"})
    decided = {patient(0): "validation", patient(1): "train"}
    assert DataSet.open(data_set.folder).split() == decided
    assert data_set.propose_split() == {**decided, patient(2): "train"}
    assert data_set.split() == decided
    with pytest.raises(LabelError) as error:
        data_set.set_split({patient(1): "test"})
    told(error.value, "validation")
    with pytest.raises(LabelError) as error:
        data_set.set_split({"P-99999999": "train"})
    told(error.value, patient(2))
    assert data_set.split() == decided


def test_a_draw_leaves_what_another_writer_decides(
    data_set: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        data_set.add(plain_scan(seed, name=f"s{seed}", patient=patient(seed)))
    data_set.set_split({patient(0): "validation"})
    wanted = {patient(2): "validation"}
    wait = decide_beside(data_set, monkeypatch, wanted)
    assert data_set.fill_split()[patient(0)] == "validation"
    wait()
    assert data_set.split() == {
        patient(0): "validation",
        patient(1): "train",
        **wanted,
    }
    assert data_set.fill_split({patient(0): "train"}) == {
        patient(0): "train",
        patient(1): "train",
        **wanted,
    }
    with pytest.raises(LabelError):
        data_set.fill_split({"P-99999999": "train"})


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(WriteError) as error:
        DataSet.create(tmp_path, "x", LABEL_SET)
    told(error.value, "thesis.doc", "empty")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.doc"]
    with pytest.raises(WriteError):
        DataSet.create(tmp_path / "thesis.doc", "x", LABEL_SET)
    (tmp_path / "thesis.doc").unlink()
    (tmp_path / ".DS_Store").write_text("of the system")
    DataSet.create(tmp_path, "x", LABEL_SET)
    with pytest.raises(WriteError, match=r"dataset\.json"):
        DataSet.create(tmp_path, "y", LABEL_SET)
    assert DataSet.open(tmp_path).name == "x"


def test_layers_are_classes(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="choroid"):
        DataSet.create(tmp_path, "x", LABEL_SET, ("choroid",))
    assert not list(tmp_path.iterdir())


def test_what_is_no_data_set_is_not_opened(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ReadError) as error:
            DataSet.open(folder)
        told(error.value, "dataset.json", "begin a new one")


ONE = {"schema": 1, "id": "x", "name": "", "classes": [], "layers": []}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "cannot be read"),
        ("[]", "no JSON object"),
        ('{"schema": 2}', "update"),
        ('{"schema": 1, "id": "x"}', "damaged"),
        (json.dumps(ONE), "damaged"),
        (json.dumps({**ONE, "classes": [{"nam": "RNFL"}]}), "damaged"),
    ],
)
def test_a_damaged_description_is_told(data_set: DataSet, text: str, word: str) -> None:
    (data_set.folder / "dataset.json").write_text(text)
    with pytest.raises(ReadError) as error:
        DataSet.open(data_set.folder)
    told(error.value, word)


def test_what_is_not_there_cannot_be_read(data_set: DataSet) -> None:
    with pytest.raises(ReadError) as error:
        data_set.read("eye")
    told(error.value, "no scan yet")
    data_set.add(plain_scan())
    for name in ("Eye2", "../eye", ""):
        with pytest.raises(ReadError) as error:
            data_set.read(name)
        told(error.value, "eye")
    with pytest.raises(ReadError) as error:
        data_set.read("eye", 2)
    told(error.value, "no version 2")


@pytest.mark.parametrize(
    "name",
    ["labels.tif", "boundaries.npz", "origins.tif", "bscans.csv", "version.json"],
)
@pytest.mark.parametrize("harm", ["cut", "bit", "gone"])
def test_damage_is_found_before_anybody_trains_on_it(
    data_set: DataSet, name: str, harm: str
) -> None:
    scan = plain_scan()
    data_set.add(scan)
    version = data_set.add(relabelled(scan, 2))
    path = version.folder / name
    content = bytearray(path.read_bytes())
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 0x80
        path.write_bytes(content)
    if (name, harm) != ("version.json", "bit"):
        with pytest.raises(ReadError) as error:
            data_set.read("eye")
        told(error.value, "eye")
    problems = data_set.check()
    assert any(str(version.folder) in problem for problem in problems)
    # The version before is as good as ever.
    shutil.rmtree(version.folder)
    assert_same(data_set.read("eye"), scan)
    assert data_set.check() == []


def test_facts_that_somebody_changed_are_found(data_set: DataSet) -> None:
    version = data_set.add(plain_scan())
    path = version.folder / "version.json"
    path.write_text(path.read_text().replace("3.87", "3.88"))
    assert any("version.json" in problem for problem in data_set.check())


@pytest.mark.parametrize("name", ["pixels.tif", "scan.json"])
def test_damage_of_the_scan_itself_is_found(data_set: DataSet, name: str) -> None:
    data_set.add(plain_scan())
    path = data_set.folder / "scans" / "eye" / name
    path.write_bytes(path.read_bytes()[:-20])
    assert any(name in problem for problem in data_set.check())
    with pytest.raises(ReadError):
        data_set.read("eye")


def test_a_damaged_split_is_told(data_set: DataSet) -> None:
    (data_set.folder / "split.json").write_text('{"P-1": "both"}')
    with pytest.raises(ReadError, match="both"):
        data_set.split()
    assert any("split.json" in problem for problem in data_set.check())


def test_a_machines_output_gets_in_only_when_somebody_accepts_it(
    data_set: DataSet,
) -> None:
    scan = plain_scan()
    states = ("reviewed", "predicted", "unseen")
    scan = replace(
        scan,
        provenance=replace(
            scan.provenance, states=states, accepted=(False,) * 3, graders=("",) * 3
        ),
    )
    assert scan.unanswered_bscans == (1, 2)
    with pytest.raises(LabelError) as raised:
        data_set.add(scan)
    told(raised.value, "2 of the graded B-scans", "review")
    assert data_set.scans() == []
    data_set.add(accepted_as_is(scan, "G-00000002"))
    kept = data_set.read(scan.name).provenance
    assert kept is not None
    assert kept.states == ("reviewed",) * 3
    assert kept.accepted == (False, True, True)
    assert kept.graders == ("", "G-00000002", "G-00000002")


def test_many_scans_together_do_not_fill_the_memory(
    data_set: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = [plain_scan(seed, name=f"eye-{seed}") for seed in range(2)]
    for scan in scans:
        data_set.add(scan)
    names = [scan.name for scan in scans]
    n_bytes = scans[0].volume.data.nbytes
    for memory, in_memory in ((n_bytes, False), (2 * n_bytes, True)):
        monkeypatch.setattr(ReadOptions, "lazy_bytes", memory)
        for found, scan in zip(data_set.iter_newest(names), scans, strict=True):
            assert isinstance(found.volume.data, np.ndarray) == in_memory
            assert_same(found, scan)
