"""The checker: silent about a good store, and each kind of damage has its sentence."""

import json
import re
import shutil

import h5py
import numpy as np
import pytest
from fake_survey import FakeSurvey, plan_for

from zwicky.core.errors import StoreError
from zwicky.data.check import check_store
from zwicky.data.generate import generate
from zwicky.data.layout import seal
from zwicky.data.plan import shard_name
from zwicky.data.shards import write_shard
from zwicky.data.store import Store

SURVEY = FakeSurvey()
BAD = shard_name(1)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good") / "store"
    generate(SURVEY, plan_for(SURVEY), folder)
    return folder


@pytest.fixture
def folder(good, tmp_path):
    return shutil.copytree(good, tmp_path / "store")


def test_a_good_store(good):
    assert check_store(good) == []


def replaced(file, name, values, **options):
    """Put other values in the place of a data set, with its attributes and dimensions."""
    old = file[name]
    attributes, scales = dict(old.attrs), [axis[0].name for axis in old.dims]
    labels = [axis.label for axis in old.dims]
    for axis, scale in zip(old.dims, scales, strict=True):
        axis.detach_scale(file[scale])
    attributes = {key: value for key, value in attributes.items() if not key.startswith("DIMENSION")}
    del file[name]
    new = file.create_dataset(name, data=values, **options)
    new.attrs.update(attributes)
    for axis, (scale, label) in enumerate(zip(scales, labels, strict=True)):
        new.dims[axis].attach_scale(file[scale])
        new.dims[axis].label = label


def drop(name):
    return lambda file: file.__delitem__(name)


def attribute(place, name, value):
    return lambda file: file[place].attrs.__setitem__(name, value)


def no_attribute(place, name):
    return lambda file: file[place].attrs.__delitem__(name)


def values(name, index, value):
    return lambda file: file[name].__setitem__(index, value)


def retyped(name, dtype):
    return lambda file: replaced(file, name, file[name][:].astype(dtype))


DAMAGE = {
    "no maps": (drop("maps"), r"/maps is missing"),
    "no parent": (drop("parent"), r"/parent is missing"),
    "no id": (drop("id"), r"/id is missing"),
    "no cluster index": (drop("cluster_index"), r"/cluster_index is missing"),
    "no sight-line": (drop("sight_line"), r"/sight_line is missing"),
    "no redshift": (drop("truth/redshift"), r"/truth/redshift is missing"),
    "no masses": (
        lambda file: [drop(f"truth/log10_m{name}")(file) for name in ("500c", "200c")],
        r"/truth/log10_m\.\.\. is missing",
    ),
    "stranger": (lambda file: file.create_dataset("thumbnails", data=[1]), r"/thumbnails is not known"),
    "double precision": (
        lambda file: replaced(file, "maps", file["maps"][:].astype("<f8"), chunks=(1, 2, 4, 4)),
        r"/maps is of type float64, not float32",
    ),
    "half precision truth": (
        retyped("truth/redshift", "<f2"),
        r"/truth/redshift is of type float16, not float64",
    ),
    "short index": (retyped("cluster_index", "<i4"), r"/cluster_index is of type int32, not int64"),
    "numbers as names": (
        lambda file: replaced(file, "parent", np.arange(6)),
        r"/parent is of type int64, not UTF-8 text",
    ),
    "too few": (
        lambda file: replaced(file, "truth/redshift", file["truth/redshift"][:5]),
        r"/truth/redshift has shape \(5,\), not \(6,\)",
    ),
    "one channel": (
        lambda file: replaced(file, "maps", file["maps"][:, :1], chunks=(1, 1, 4, 4)),
        r"/maps has shape \(6, 1, 4, 4\), not \(6, 2, 4, 4\)",
    ),
    "one chunk": (
        lambda file: replaced(file, "maps", file["maps"][:], chunks=(6, 2, 4, 4)),
        r"/maps has chunks \(6, 2, 4, 4\) and 0 filters",
    ),
    "compressed": (
        lambda file: replaced(file, "maps", file["maps"][:], chunks=(1, 2, 4, 4), compression="gzip"),
        r"/maps has chunks \(1, 2, 4, 4\) and 1 filters",
    ),
    "other label": (
        lambda file: setattr(file["maps"].dims[2], "label", "x"),
        r"/maps has dimensions .*'x', '/y'",
    ),
    "no scale": (
        lambda file: file["truth/redshift"].dims[0].detach_scale(file["sample"]),
        r"/truth/redshift has dimensions \(\('sample',\),\)",
    ),
    "other unit of truth": (
        attribute("truth/offset_x_arcmin", "unit", "deg"),
        r"/truth/offset_x_arcmin has the attribute unit 'deg', not 'arcmin'",
    ),
    "no unit of truth": (
        no_attribute("truth/log10_m500c", "unit"),
        r"log10_m500c has the attribute unit 'nothing'",
    ),
    "other unit of maps": (
        attribute("maps", "units", ["Compton-y", "K_CMB"]),
        r"/maps has the attribute units \['Compton-y', 'K_CMB'\]",
    ),
    "other channels": (
        attribute("maps", "channels", ["temperature", "compton_y"]),
        r"/maps has the attribute channels",
    ),
    "other pixel": (attribute("maps", "pixel", "1 arcmin"), r"/maps has the attribute pixel '1 arcmin'"),
    "other grid": (attribute("maps", "grid_kind", "proper"), r"/maps has the attribute grid_kind 'proper'"),
    "other beam": (
        attribute("maps", "beam_arcmin", 5.0),
        r"/maps has the attribute beam_arcmin 5\.0, not 1\.5",
    ),
    "other unit of axes": (attribute("x", "unit", "deg"), r"/x has the attribute unit 'deg'"),
    "other format": (attribute("/", "format", "mine"), r"/ has the attribute format 'mine'"),
    "other version": (attribute("/", "format_version", 2), r"/ has the attribute format_version 2, not 1"),
    "other hash": (attribute("/", "config_hash", "0"), r"/ has the attribute config_hash '0'"),
    "other results": (attribute("/", "results_version", 0), r"/ has the attribute results_version 0"),
    "nan pixel": (values("maps", (2, 1, 0, 0), np.nan), r"/maps has 1 values that are not finite"),
    "infinite truth": (
        values("truth/redshift", 3, np.inf),
        r"/truth/redshift has 1 values that are not finite",
    ),
    "repeated cluster": (
        values("cluster_index", slice(2, 4), 3),
        r"/cluster_index is wrong in 2 of 6 samples",
    ),
    "repeated sight-line": (values("sight_line", 1, 0), r"/sight_line is wrong in 1 of 6 samples"),
    "misnumbered": (values("sample", 0, 0), r"/sample is wrong in 1 of 6 samples"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_inside_a_shard(folder, kind):
    spoil, message = DAMAGE[kind]
    with h5py.File(folder / BAD, "r+") as file:
        spoil(file)
    assert check_store(folder) == [f"{BAD}: its bytes do not agree with the checksum in its first line"]
    image = bytearray((folder / BAD).read_bytes())
    seal(memoryview(image))
    (folder / BAD).write_bytes(image)
    problems = check_store(folder)
    assert any(re.search(f"^{re.escape(BAD)}: .*{message}", problem) for problem in problems), problems
    assert all(problem.startswith(BAD) for problem in problems)


@pytest.mark.parametrize("size", [0, 10, 3000, -1])
def test_a_shard_cut_short(folder, size):
    path = folder / BAD
    path.write_bytes(path.read_bytes()[:size])
    assert check_store(folder) == [f"{BAD}: its bytes do not agree with the checksum in its first line"]


def test_a_shard_that_is_none(folder):
    (folder / BAD).write_bytes(np.random.default_rng(1).bytes(5000))
    assert check_store(folder) == [f"{BAD}: its bytes do not agree with the checksum in its first line"]


def test_missing_and_foreign_files(folder):
    (folder / BAD).rename(folder / "shards" / "copy.h5")
    assert check_store(folder) == [
        f"{BAD}: it is missing",
        "shards/copy.h5: it does not belong to this store",
    ]


def test_shards_exchanged(folder):
    (folder / shard_name(0)).rename(folder / "shards" / "aside")
    (folder / BAD).rename(folder / shard_name(0))
    (folder / "shards" / "aside").rename(folder / BAD)
    problems = check_store(folder)
    assert f"{BAD}: /cluster_index is wrong in 6 of 6 samples" in problems
    assert f"{shard_name(0)}: /cluster_index is wrong in 6 of 6 samples" in problems


def test_a_shard_of_other_settings(folder):
    (folder / BAD).unlink()
    other = FakeSurvey(seed=2)
    write_shard(folder, plan_for(other), other, 1)
    problems = check_store(folder)
    assert len(problems) == 1
    assert problems[0].startswith(f"{BAD}: / has the attribute config_hash")


def test_shards_with_different_truth(folder):
    (folder / BAD).unlink()
    survey = AllFaulty(fault="other property")
    write_shard(folder, plan_for(survey), survey, 1)
    (problem,) = check_store(folder)
    assert problem.startswith("The shards of this store hold different true numbers")


class AllFaulty(FakeSurvey):
    def observe(self, cluster_index, sight_line):
        return FakeSurvey(fault=self.fault, faulty_cluster=cluster_index).observe(cluster_index, sight_line)


def test_clusters_that_share_a_parent(tmp_path):
    survey = FakeSurvey(fault="shared parent")
    generate(survey, plan_for(survey), tmp_path)
    (problem,) = check_store(tmp_path)
    assert problem.startswith("Two clusters of this store share a parent")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 9}, "another format version"),
        ({"config_hash": "0"}, "contradicts itself"),
        ({"settings": {}}, "contradicts itself"),
        ({"shards": []}, "contradicts itself"),
        ({"units": None}, "cannot be read"),
    ],
)
def test_a_manifest_that_was_edited(folder, changes, message):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    (problem,) = check_store(folder)
    assert message in problem


def test_no_manifest(folder):
    (folder / "manifest.json").unlink()
    (problem,) = check_store(folder)
    assert problem.startswith("There is no store here")


def test_every_flipped_bit_is_noticed(folder):
    path = folder / BAD
    whole = path.read_bytes()
    rng = np.random.default_rng(7)
    positions = [0, 20, 100, 511, 512, len(whole) - 1, *rng.integers(len(whole), size=100).tolist()]
    for position in positions:
        flipped = bytes([whole[position] ^ (1 << int(rng.integers(8)))])
        path.write_bytes(whole[:position] + flipped + whole[position + 1 :])
        assert len(check_store(folder)) == 1, position
        with pytest.raises(StoreError, match=r"(?s)damaged or belongs to another store.*shard-00001"):
            Store.open(folder)
    path.write_bytes(whole)
    assert check_store(folder) == []


def test_a_sealed_file_that_hdf5_cannot_read(folder):
    image = bytearray(np.random.default_rng(1).bytes(5000))
    seal(memoryview(image))
    (folder / BAD).write_bytes(image)
    (problem,) = check_store(folder)
    assert problem.startswith(f"{BAD}: it cannot be read (OSError")
