"""The store: written as documented, read back as it was, refused when it is not whole."""

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from fake_survey import N_PIXELS, FakeSurvey, expected_pixels, plan_for

from zwicky.core.errors import ConfigError, StoreError
from zwicky.core.quantities import MapQuantity
from zwicky.data.check import check_store
from zwicky.data.generate import generate
from zwicky.data.layout import unit_of_truth
from zwicky.data.store import Store, StorePlan, write_shard

JAR = Path(__file__).parent / "jar"
SURVEY = FakeSurvey()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    generate(SURVEY, plan_for(SURVEY), folder)
    return folder


@pytest.fixture(scope="module")
def store(folder):
    return Store.open(folder)


def edit_manifest(folder, **changes):
    path = folder / "manifest.json"
    fields = json.loads(path.read_text())
    fields.update(changes)
    path.write_text(json.dumps({name: value for name, value in fields.items() if value != "gone"}))


class TestReading:
    def test_it_knows_what_it_holds(self, store):
        assert store.n_samples == 14
        assert store.grid == SURVEY.grid
        assert store.channels == (MapQuantity.COMPTON_Y, MapQuantity.TEMPERATURE)
        assert store.units == ("Compton-y", "uK_CMB")
        assert store.beam_arcmin == 1.5
        assert store.truth_units == {
            "asymmetry": "1",
            "log10_m200c": "dex(Msun)",
            "log10_m500c": "dex(Msun)",
            "offset_x_arcmin": "arcmin",
            "redshift": "1",
        }

    def test_all_samples_in_order(self, store):
        samples = store.read()
        assert len(samples) == 14
        assert samples.maps.dtype == np.float32
        assert samples.maps.shape == (14, 2, N_PIXELS, N_PIXELS)
        for i in range(14):
            cluster_index, sight_line = divmod(i, 2)
            assert (samples.cluster_index[i], samples.sight_line[i]) == (cluster_index, sight_line)
            # Kelvin times 1e6 is rounded before float32 is.
            np.testing.assert_allclose(samples.maps[i], expected_pixels(cluster_index, sight_line), rtol=1e-7)
            assert samples.parent[i] == f"fake-{cluster_index}"
            assert samples.id[i] == f"fake-{cluster_index}-ü{sight_line}"
            assert samples.truth["redshift"][i] == 0.1 + 0.01 * cluster_index
            assert samples.truth["log10_m500c"][i] == pytest.approx(
                14 + np.log10(1 + cluster_index), abs=1e-14
            )
            assert samples.truth["offset_x_arcmin"][i] == 0.25 * sight_line

    @pytest.mark.parametrize(
        "indices", [[0], [13, 0, 7, 7, 6, 5], [3, 4, 5, 6, 7], [0, 13, 1, 7, 2], [], np.arange(14)[::-1]]
    )
    def test_any_samples_in_any_order(self, store, indices):
        everything, some = store.read(), store.read(indices)
        rows = np.asarray(indices, int)
        for name in ("maps", "parent", "id", "cluster_index", "sight_line"):
            assert np.array_equal(getattr(some, name), getattr(everything, name)[rows])
        for name, values in everything.truth.items():
            assert np.array_equal(some.truth[name], values[rows])

    def test_splits_cover_the_store_and_share_no_parent(self, store):
        parts = {name: store.read(split=name) for name in ("train", "validation", "test")}
        assert sum(len(part) for part in parts.values()) == 14
        parents = [set(part.parent) for part in parts.values()]
        assert all(parents)
        assert sum(len(part) for part in parents) == len(set.union(*parents)) == 7
        assert np.array_equal(parts["train"].maps, store.read(store.indices("train")).maps)

    def test_two_clusters_of_one_parent_are_not_split(self, tmp_path):
        survey = FakeSurvey(fault="shared parent")
        generate(survey, plan_for(survey), tmp_path)
        with pytest.raises(StoreError, match="share a parent"):
            Store.open(tmp_path).read(split="train")

    def test_mistakes_of_the_reader(self, store):
        with pytest.raises(StoreError, match="split is not known"):
            store.read(split="training")
        for outside in ([14], [-1]):
            with pytest.raises(StoreError, match="not in the store"):
                store.read(outside)
        with pytest.raises(ValueError, match="not both"):
            store.read([1], split="train")


class TestLayout:
    def test_shards_are_plain_hdf5(self, folder):
        assert sorted(path.name for path in (folder / "shards").iterdir()) == [
            f"shard-0000{i}.h5" for i in range(3)
        ]
        with h5py.File(folder / "shards" / "shard-00001.h5") as file:
            assert file["maps"].shape == (6, 2, N_PIXELS, N_PIXELS)
            assert file["maps"].chunks == (1, 2, N_PIXELS, N_PIXELS)
            assert file["maps"].compression is None
            assert [axis.label for axis in file["maps"].dims] == ["sample", "channel", "y", "x"]
            assert [axis[0].name for axis in file["maps"].dims] == ["/sample", "/channel", "/y", "/x"]
            assert file["truth/redshift"].dims[0][0].name == "/sample"
            assert list(file["maps"].attrs["channels"]) == ["compton_y", "temperature"]
            assert list(file["maps"].attrs["units"]) == ["Compton-y", "uK_CMB"]
            assert (file["maps"].attrs["pixel"], file["maps"].attrs["grid_kind"]) == ("0.5 arcmin", "sky")
            assert file["maps"].attrs["beam_arcmin"] == 1.5
            assert file["truth/log10_m500c"].attrs["unit"] == "dex(Msun)"
            assert file["sample"][:].tolist() == list(range(6, 12))
            assert file["cluster_index"][:].tolist() == [3, 3, 4, 4, 5, 5]
            assert file["x"][:].tolist() == [-0.75, -0.25, 0.25, 0.75]
            assert file["parent"].asstr()[0] == "fake-3"
            assert {"format", "format_version", "config_hash", "results_version"} <= set(file.attrs)

    def test_no_beam_no_attribute(self, tmp_path):
        survey = FakeSurvey(beam_arcmin=None)
        generate(survey, plan_for(survey, n_clusters=1), tmp_path)
        assert Store.open(tmp_path).beam_arcmin is None
        with h5py.File(tmp_path / "shards" / "shard-00000.h5") as file:
            assert "beam_arcmin" not in file["maps"].attrs

    @pytest.mark.parametrize(
        ("name", "unit"),
        [
            ("redshift", "1"),
            ("log10_m500c", "dex(Msun)"),
            ("log10_m200m", "dex(Msun)"),
            ("log10_y500_arcmin2", "dex(arcmin2)"),
            ("y500_arcmin2", "arcmin2"),
            ("r500_mpc", "Mpc"),
            ("temperature_kev", "keV"),
            ("peak_uk", "uK_CMB"),
            ("amplitude_scatter", "1"),
        ],
    )
    def test_units_are_read_from_names(self, name, unit):
        assert unit_of_truth(name) == unit

    def test_every_earlier_format_version_reads(self):
        """The jar holds a store of each format version; version 1: 2 clusters on 2 sight-lines, 1 per shard."""
        store = Store.open(JAR / "store-v1")
        assert check_store(JAR / "store-v1") == []
        samples = store.read()
        assert samples.maps[3, 0].tolist() == [[11100.0 + 4 * y + x for x in range(4)] for y in range(4)]
        np.testing.assert_allclose(samples.maps[:, 1], -samples.maps[:, 0], rtol=1e-7)
        assert samples.truth["redshift"].tolist() == [0.1, 0.1, 0.11, 0.11]
        np.testing.assert_allclose(
            samples.truth["log10_m500c"], [14, 14, 14.301029995663981, 14.301029995663981]
        )
        assert store.split.tolist() == ["validation", "validation", "test", "test"]


class TestPlan:
    @pytest.mark.parametrize("change", ["n_clusters", "sight_lines", "clusters_per_shard"])
    def test_numbers_too_small(self, change):
        with pytest.raises(ConfigError, match=f"cannot be planned with this {change}"):
            plan_for(SURVEY, **{change: 0})

    def test_negative_split_seed(self):
        with pytest.raises(ConfigError, match="split_seed"):
            plan_for(SURVEY, split_seed=-1)

    @pytest.mark.parametrize("value", [float("nan"), object()])
    def test_settings_that_are_not_json(self, value):
        with pytest.raises(ConfigError, match="writable as JSON"):
            StorePlan({"noise": value}, n_clusters=1)

    def test_plan_of_another_survey(self, tmp_path):
        with pytest.raises(ConfigError, match=r"(?s)another survey.*settings\.seed.*2.*1"):
            generate(FakeSurvey(seed=2), plan_for(SURVEY), tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_the_hash_is_of_what_decides_a_pixel(self, folder, tmp_path):
        def hash_of(survey, name, **changes):
            generate(survey, plan_for(survey, n_clusters=1, **changes), tmp_path / name)
            return Store.open(tmp_path / name).manifest.config_hash

        assert (
            hash_of(SURVEY, "a")
            == hash_of(SURVEY, "b", clusters_per_shard=1)
            != hash_of(FakeSurvey(seed=2), "c")
        )


class TestWriting:
    def test_a_good_shard_is_left_alone(self, tmp_path):
        plan = plan_for(SURVEY)
        assert not write_shard(tmp_path, plan, SURVEY, 2).kept
        path = tmp_path / "shards" / "shard-00002.h5"
        before = path.stat()
        assert write_shard(tmp_path, plan, SURVEY, 2).kept
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)

    @pytest.mark.parametrize("damage", ["cut", "garbage", "other survey"])
    def test_a_bad_shard_is_made_again(self, tmp_path, damage):
        plan = plan_for(SURVEY)
        path = tmp_path / "shards" / "shard-00000.h5"
        write_shard(tmp_path, plan, SURVEY, 0)
        good = path.read_bytes()
        if damage == "cut":
            path.write_bytes(good[: len(good) // 2])
        elif damage == "garbage":
            path.write_bytes(b"this is not HDF5")
        else:
            path.unlink()
            other = FakeSurvey(seed=2)
            write_shard(tmp_path, plan_for(other), other, 0)
        outcome = write_shard(tmp_path, plan, SURVEY, 0)
        assert not outcome.kept
        assert "shard-00000.h5 was made again" in outcome.note
        assert path.read_bytes() == good

    @pytest.mark.parametrize(
        ("fault", "message"),
        [
            ("overflow", r"(?s)cannot be stored.*cluster fake-3-ü0.*16 of 32"),
            ("mask", "keeps no masks"),
            ("grid", "another grid"),
            ("no mass", "truth of a mock cluster"),
            ("taken name", "truth of a mock cluster"),
            ("nan property", r"(?s)true numbers.*asymmetry=nan"),
            ("other property", r"(?s)true numbers.*colour=1"),
        ],
    )
    def test_observations_that_cannot_be_stored(self, tmp_path, fault, message):
        # In shard 1 of clusters 2 and 3, so that the faulty one is not the first.
        survey = FakeSurvey(fault=fault)
        with pytest.raises(StoreError, match=message):
            write_shard(tmp_path, plan_for(survey, clusters_per_shard=2), survey, 1)
        assert not (tmp_path / "shards").exists()


class TestOpening:
    """Each way in which a folder is no complete store has its own message."""

    @pytest.fixture
    def own(self, tmp_path):
        generate(SURVEY, plan_for(SURVEY), tmp_path)
        return tmp_path

    def test_no_store(self, tmp_path):
        with pytest.raises(StoreError, match=r"(?s)no store here.*no such file"):
            Store.open(tmp_path)
        with pytest.raises(StoreError, match=r"(?s)no store here.*no such folder"):
            Store.open(tmp_path / "nowhere")

    def test_incomplete(self, own):
        (own / "shards" / "shard-00001.h5").unlink()
        with pytest.raises(StoreError, match=r"(?s)incomplete.*3 shards.*1 missing: shards/shard-00001\.h5"):
            Store.open(own)

    def test_incomplete_in_many_places(self, tmp_path):
        generate(SURVEY, plan_for(SURVEY, clusters_per_shard=1), tmp_path)
        for path in (tmp_path / "shards").iterdir():
            path.unlink()
        with pytest.raises(StoreError, match=r"7 missing: shards/shard-00000\.h5, .* and 2 more"):
            Store.open(tmp_path)

    def test_manifest_is_not_json(self, own):
        (own / "manifest.json").write_text('{"format": ')
        with pytest.raises(StoreError, match="manifest cannot be read"):
            Store.open(own)

    @pytest.mark.parametrize(
        "changes", [{"n_clusters": 0}, {"split": 3}, {"grid": "gone"}, {"channels": ["colour"]}]
    )
    def test_manifest_does_not_make_sense(self, own, changes):
        edit_manifest(own, **changes)
        with pytest.raises(StoreError, match="manifest cannot be read"):
            Store.open(own)

    def test_another_format(self, own):
        edit_manifest(own, format="hats")
        with pytest.raises(StoreError, match=r"(?s)not the manifest of a store.*'hats'"):
            Store.open(own)
        (own / "manifest.json").write_text("[1, 2]")
        with pytest.raises(StoreError, match=r"(?s)not the manifest of a store.*list"):
            Store.open(own)

    def test_another_format_version(self, own):
        edit_manifest(own, format_version=3)
        with pytest.raises(StoreError, match=r"(?s)another format version.*format_version 1 or 2.*3"):
            Store.open(own)

    @pytest.mark.parametrize(
        "changes", [{"settings": {"seed": 2}}, {"config_hash": "0" * 16}, {"note": "mine"}]
    )
    def test_manifest_was_edited(self, own, changes):
        edit_manifest(own, **changes)
        with pytest.raises(StoreError, match="manifest contradicts itself"):
            Store.open(own)

    def test_other_settings_than_asked_for(self, own):
        wanted = Store.open(own).manifest.config_hash
        assert Store.open(own, config_hash=wanted).n_samples == 14
        with pytest.raises(StoreError, match=r"(?s)other settings than the ones asked for.*config_hash abc"):
            Store.open(own, config_hash="abc")

    def test_shard_of_another_store(self, own, tmp_path_factory):
        other = FakeSurvey(seed=2)
        elsewhere = tmp_path_factory.mktemp("other")
        write_shard(elsewhere, plan_for(other), other, 1)
        (elsewhere / "shards" / "shard-00001.h5").replace(own / "shards" / "shard-00001.h5")
        with pytest.raises(
            StoreError, match=r"(?s)damaged or belongs to another store.*shard-00001.*config_hash"
        ):
            Store.open(own)

    def test_shards_with_different_truth(self, own):
        (own / "shards" / "shard-00001.h5").unlink()
        survey = OtherTruth()
        write_shard(own, plan_for(survey), survey, 1)
        with pytest.raises(StoreError, match=r"(?s)different true numbers.*shard-00001.*colour"):
            Store.open(own)


class OtherTruth(FakeSurvey):
    """The same settings, but one more true number in every cluster."""

    def observe(self, cluster_index, sight_line):
        observed = super().observe(cluster_index, sight_line)
        cluster = observed.cluster
        return replace(observed, cluster=replace(cluster, properties={**cluster.properties, "colour": 1.0}))
