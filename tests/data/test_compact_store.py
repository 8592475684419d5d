"""Version 2 of the store: 16-bit logarithms beside float32, and sight-lines that differ from cluster to cluster."""

import json
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from fake_survey import N_PIXELS, FakeSurvey, expected_pixels, plan_for

from zwicky.core.errors import ConfigError, StoreError
from zwicky.core.quantities import MapQuantity
from zwicky.data.check import check_store
from zwicky.data.codec import Log16
from zwicky.data.generate import generate
from zwicky.data.layout import seal
from zwicky.data.manifest import Manifest
from zwicky.data.plan import shard_name
from zwicky.data.store import Store

JAR = Path(__file__).parent / "jar"
Y, MICROKELVIN = MapQuantity.COMPTON_Y, MapQuantity.TEMPERATURE
SURVEY = FakeSurvey()
LOG = {Y: Log16(0.0, 6.0)}
COUNTS = (2, 0, 3, 1, 2, 4, 1)
SEEN = [(cluster, sight_line) for cluster, n in enumerate(COUNTS) for sight_line in range(n)]


class Positive(FakeSurvey):
    """Without a negative map, so that both channels can be logarithms; some pixels are dark."""

    def observe(self, cluster_index, sight_line):
        observed = super().observe(cluster_index, sight_line)
        values = expected_pixels(cluster_index, sight_line, self.seed)[0]
        values[0, :2] = 0.0
        values[1, : sight_line + 1] = 0.5
        maps = {quantity: replace(one, values=values) for quantity, one in observed.maps.items()}
        maps[MICROKELVIN] = replace(maps[MICROKELVIN], values=1e-6 * values)
        return replace(observed, maps=maps)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Compton-y as logarithms, microkelvin as float32."""
    folder = tmp_path_factory.mktemp("mixed")
    generate(SURVEY, plan_for(SURVEY, sight_lines=COUNTS, log16=LOG), folder)
    return Store.open(folder)


@pytest.fixture(scope="module")
def logarithms(tmp_path_factory):
    """Nothing but logarithms."""
    folder = tmp_path_factory.mktemp("logarithms")
    survey = Positive()
    generate(survey, plan_for(survey, log16={Y: Log16(0.0, 6.0), MICROKELVIN: Log16(0.0, 5.0)}), folder)
    return Store.open(folder)


@pytest.fixture(scope="module")
def float32(tmp_path_factory):
    """No logarithms."""
    folder = tmp_path_factory.mktemp("float32")
    generate(SURVEY, plan_for(SURVEY), folder)
    return Store.open(folder)


class TestReading:
    def test_all_samples_in_order(self, mixed):
        samples = mixed.read()
        assert samples.maps.shape == (13, 2, N_PIXELS, N_PIXELS)
        assert samples.maps.dtype == np.float32
        assert list(zip(samples.cluster_index.tolist(), samples.sight_line.tolist(), strict=True)) == SEEN
        for row, seen in enumerate(SEEN):
            compton_y, microkelvin = expected_pixels(*seen)
            np.testing.assert_allclose(samples.maps[row, 0], compton_y, rtol=LOG[Y].relative_error + 1e-7)
            np.testing.assert_allclose(samples.maps[row, 1], microkelvin, rtol=1e-7)
            assert samples.parent[row] == f"fake-{seen[0]}"
            assert samples.truth["offset_x_arcmin"][row] == 0.25 * seen[1]

    @pytest.mark.parametrize("indices", [[0], [12, 0, 7, 7, 6, 5], [3, 4, 5, 6, 7], [], np.arange(13)[::-1]])
    def test_any_samples_in_any_order(self, mixed, indices):
        everything, some = mixed.read(), mixed.read(indices)
        rows = np.asarray(indices, int)
        for name in ("maps", "parent", "id", "cluster_index", "sight_line"):
            assert np.array_equal(getattr(some, name), getattr(everything, name)[rows])

    @pytest.mark.parametrize("numbers", [[0], [1], [1, 0], [0, 1], [0, 0], []])
    @pytest.mark.parametrize("kind", ["mixed", "logarithms", "float32"])
    def test_some_channels_in_any_order(self, kind, numbers, request):
        store = request.getfixturevalue(kind)
        samples, everything = (
            store.read([5, 6, 1], channels=[store.channels[i] for i in numbers]),
            store.read(),
        )
        assert np.array_equal(samples.maps, everything.maps[[5, 6, 1]][:, numbers])
        assert np.array_equal(samples.id, everything.id[[5, 6, 1]])

    def test_a_channel_that_is_not_there(self, mixed):
        with pytest.raises(
            StoreError, match=r"(?s)channel is not in the store.*compton_y, temp.*xray_counts"
        ):
            mixed.read(channels=[Y, MapQuantity.XRAY_COUNTS])

    def test_outside(self, mixed):
        with pytest.raises(StoreError, match=r"(?s)not in the store.*0 \.\. 12"):
            mixed.read([13])

    def test_nothing_but_logarithms(self, logarithms):
        found = logarithms.read().maps
        survey = Positive()
        for row in range(14):
            expected = survey.observe(*divmod(row, 2))[Y].values
            expected[expected == 0.5] = 0.0  # below the floor
            np.testing.assert_allclose(found[row, 0], expected, rtol=1.1e-4)
            np.testing.assert_allclose(found[row, 1], expected, rtol=1.1e-4)

    def test_blocks_are_joined(self, logarithms, monkeypatch):
        """Decoded five samples at a time, the last block shorter."""
        whole = logarithms.read().maps
        monkeypatch.setattr("zwicky.data.store._BLOCK_PIXELS", 5 * 2 * N_PIXELS**2)
        assert np.array_equal(logarithms.read().maps, whole)

    def test_a_cluster_is_in_one_split(self, mixed):
        clusters = np.array([cluster for cluster, _ in SEEN])
        assert len(mixed.split) == 13
        for cluster in np.unique(clusters):
            assert len(set(mixed.split[clusters == cluster])) == 1

    def test_splits_are_those_of_the_clusters_however_often_they_are_seen(self, mixed, tmp_path):
        generate(SURVEY, plan_for(SURVEY, sight_lines=1), tmp_path)
        once = Store.open(tmp_path).split
        assert mixed.split.tolist() == [once[cluster] for cluster, _ in SEEN]


class TestFiles:
    def test_mixed(self, mixed):
        with h5py.File(mixed.folder / shard_name(0)) as file:
            assert file["log_maps"].shape == file["maps"].shape == (5, 1, N_PIXELS, N_PIXELS)
            assert (file["log_maps"].dtype, file["maps"].dtype) == (np.uint16, np.float32)
            assert file["log_maps"].chunks == (1, 1, N_PIXELS, N_PIXELS)
            assert [axis[0].name for axis in file["log_maps"].dims] == ["/sample", "/log_channel", "/y", "/x"]
            assert (
                list(file["log_maps"].attrs["channels"]) == list(file["log_channel"].asstr()) == ["compton_y"]
            )
            assert list(file["maps"].attrs["channels"]) == list(file["channel"].asstr()) == ["temperature"]
            assert list(file["log_maps"].attrs["units"]) == ["Compton-y"]
            assert file["log_maps"].attrs["beam_arcmin"] == 1.5
            assert file.attrs["format_version"] == 2
            # As docs/store.md tells others to decode them.
            codes = file["log_maps"][0, 0].astype(float)
            floor, step = (file["log_maps"].attrs[name][0] for name in ("log10_floor", "step_dex"))
            np.testing.assert_allclose(
                10 ** (floor + (codes - 1) * step), expected_pixels(0, 0)[0], rtol=2e-4
            )

    def test_nothing_but_logarithms(self, logarithms):
        with h5py.File(logarithms.folder / shard_name(0)) as file:
            assert {"maps", "channel"}.isdisjoint(file)
            assert file["log_maps"].shape == (6, 2, N_PIXELS, N_PIXELS)
            assert file["below_floor"][:].tolist() == [[1, 1], [2, 2]] * 3

    def test_half_the_bytes(self, tmp_path):
        """Of pixels; the rest of the file is the same."""
        survey = Positive()
        both = {Y: Log16(0.0, 6.0), MICROKELVIN: Log16(0.0, 5.0)}
        sizes = []
        for name, log16 in (("a", {}), ("b", both)):
            generate(survey, plan_for(survey, log16=log16), tmp_path / name)
            with h5py.File(tmp_path / name / shard_name(0)) as file:
                sizes.append(file["log_maps" if log16 else "maps"].id.get_storage_size())
        assert sizes[0] == 2 * sizes[1] == 6 * 2 * N_PIXELS**2 * 4

    def test_manifest(self, mixed):
        fields = json.loads((mixed.folder / "manifest.json").read_text())
        assert fields["format_version"] == 2
        assert fields["sight_lines"] == list(COUNTS)
        assert fields["codecs"] == [
            {"name": "log16", "log10_floor": 0.0, "log10_ceiling": 6.0},
            {"name": "float32"},
        ]
        assert Manifest.read(mixed.folder) == mixed.manifest

    @pytest.mark.parametrize("sight_lines", [2, (2,) * 7])
    def test_what_version_1_can_say_is_written_in_version_1(self, tmp_path, sight_lines):
        generate(SURVEY, plan_for(SURVEY, sight_lines=sight_lines), tmp_path)
        fields = json.loads((tmp_path / "manifest.json").read_text())
        assert (fields["format_version"], fields["sight_lines"]) == (1, 2)
        assert "codecs" not in fields

    def test_the_jar(self):
        """Three clusters on 2, 0 and 1 sight-lines, two per shard; Compton-y as logarithms."""
        store = Store.open(JAR / "store-v2")
        assert check_store(JAR / "store-v2") == []
        samples = store.read()
        assert samples.cluster_index.tolist() == [0, 0, 2]
        assert samples.sight_line.tolist() == [0, 1, 0]
        expected = [[12000.0 + 4 * y + x for x in range(4)] for y in range(4)]
        np.testing.assert_allclose(samples.maps[2, 0], expected, rtol=1.1e-4)
        np.testing.assert_allclose(samples.maps[2, 1], -np.array(expected), rtol=1e-7)


DAMAGE = {
    "no logarithms": (lambda file: file.__delitem__("log_maps"), r"/log_maps is missing"),
    "no counts": (lambda file: file.__delitem__("below_floor"), r"/below_floor is missing"),
    "other channel": (
        lambda file: file["log_maps"].attrs.__setitem__("channels", ["temperature"]),
        r"/log_maps has the attribute channels",
    ),
    "other floor": (
        lambda file: file["log_maps"].attrs.__setitem__("log10_floor", [1.0]),
        r"/log_maps has the attribute log10_floor \[1\.0\], not \[0\.0\]",
    ),
    "other step": (
        lambda file: file["log_maps"].attrs.__setitem__("step_dex", [1e-4]),
        r"/log_maps has the attribute step_dex",
    ),
    "too many below": (
        lambda file: file["below_floor"].__setitem__((0, 0), 5),
        r"/below_floor does not agree with the zeros in 1 of 7 images",
    ),
    "less than none": (
        lambda file: file["below_floor"].__setitem__((2, 0), -1),
        r"/below_floor does not agree with the zeros in 1 of 7 images",
    ),
    "other sight-line": (
        lambda file: file["sight_line"].__setitem__(2, 0),
        r"/sight_line is wrong in 1 of 7 samples",
    ),
}


class TestChecking:
    @pytest.fixture
    def own(self, tmp_path):
        survey = Positive()
        generate(survey, plan_for(survey, sight_lines=COUNTS, log16=LOG), tmp_path)
        assert check_store(tmp_path) == []
        return tmp_path

    @pytest.mark.parametrize("kind", DAMAGE)
    def test_damage_inside_a_shard(self, own, kind):
        spoil, message = DAMAGE[kind]
        with h5py.File(own / shard_name(1), "r+") as file:
            assert file["sight_line"][:].tolist() == [0, 0, 1, 0, 1, 2, 3]  # of clusters 3, 4 and 5
            spoil(file)
        image = bytearray((own / shard_name(1)).read_bytes())
        seal(memoryview(image))
        (own / shard_name(1)).write_bytes(image)
        problems = check_store(own)
        assert any(re.search(message, problem) for problem in problems), problems

    def test_a_shard_of_float32_among_logarithms(self, own, tmp_path_factory):
        elsewhere = tmp_path_factory.mktemp("float32")
        survey = Positive()
        generate(survey, plan_for(survey, sight_lines=COUNTS), elsewhere)
        (elsewhere / shard_name(0)).replace(own / shard_name(0))
        problems = check_store(own)
        assert any("/log_maps is missing" in problem for problem in problems)
        assert all(problem.startswith(shard_name(0)) for problem in problems)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"codecs": [{"name": "float32"}] * 2}, "/log_maps is not known"),
            (
                {"codecs": [{"name": "log16", "log10_floor": 1.0, "log10_ceiling": 6.0}] * 2},
                "attribute log10_floor",
            ),
            ({"codecs": [{"name": "float16"}, {"name": "float32"}]}, "cannot be read"),
            ({"codecs": [{"name": "float32"}]}, "cannot be read"),
            ({"sight_lines": 2}, r"shape \(5,\), not \(6,\)"),
            ({"sight_lines": [1, 2]}, "cannot be read"),
            ({"format_version": 1}, "contradicts itself"),
            ({"format_version": 3}, r"format_version 1 or 2"),
        ],
    )
    def test_a_manifest_that_was_edited(self, own, changes, message):
        path = own / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
        problems = check_store(own)
        assert any(re.search(message, problem) for problem in problems), problems
        with pytest.raises(StoreError):
            Store.open(own)


class TestRefusals:
    def test_a_negative_map(self, tmp_path):
        """The microkelvin of the fake survey are below zero, as in any map with noise."""
        plan = plan_for(SURVEY, log16={MICROKELVIN: Log16(0.0, 6.0)})
        with pytest.raises(StoreError, match=r"(?s)does not fit.*cluster fake-0-ü0.*temperature.*float32"):
            generate(SURVEY, plan, tmp_path)
        assert not (tmp_path / "shards").exists()

    def test_a_channel_that_is_not_there(self, tmp_path):
        plan = plan_for(SURVEY, log16={MapQuantity.XRAY_COUNTS: Log16(0.0, 6.0)})
        with pytest.raises(ConfigError, match=r"(?s)no such channel.*compton_y, temperature.*xray_counts"):
            generate(SURVEY, plan, tmp_path)

    @pytest.mark.parametrize("counts", [(), (1, 2), (1,) * 6 + (-1,), (2,) * 8])
    def test_sight_lines_that_do_not_fit_the_clusters(self, counts):
        with pytest.raises(ConfigError, match=r"(?s)do not fit the clusters.*each of 7 clusters.*numbers"):
            plan_for(SURVEY, sight_lines=counts)

    def test_no_sight_line_at_all(self):
        with pytest.raises(ConfigError, match="planned with this sight_lines"):
            plan_for(SURVEY, sight_lines=(0,) * 7)

    def test_a_shard_without_samples(self):
        with pytest.raises(
            ConfigError, match=r"(?s)no sample.*none in shard 1, of 3 clusters.*more clusters"
        ):
            plan_for(SURVEY, sight_lines=(1, 1, 1, 0, 0, 0, 2))

    @pytest.mark.parametrize("changes", [{"log16": LOG}, {"sight_lines": COUNTS}])
    def test_another_plan_in_the_same_folder(self, tmp_path, changes):
        generate(SURVEY, plan_for(SURVEY), tmp_path)
        with pytest.raises(StoreError, match="made with other settings"):
            generate(SURVEY, plan_for(SURVEY, **changes), tmp_path)
