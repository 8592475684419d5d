"""Samples that depend on their own key alone, and a reason for whatever is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from posterior_networks import FAST, NAMES, TARGETS, assembled

from zwicky.core.errors import MapError, RedshiftError, SamplingError
from zwicky.core.masses import M200C
from zwicky.inference.domain import FLAGS
from zwicky.inference.mapping.answer import LEVELS
from zwicky.inference.posterior.drawing import (
    MEMORY,
    MOST_ROWS,
    cluster_numbers,
    draw_log10,
    pieces,
    rows_that_fit,
)
from zwicky.inference.posterior.recalibration import Recalibration
from zwicky.inference.posterior.scale_temperature import ScaleTemperature
from zwicky.mocks.theory_survey import WIDE_FIELD_64
from zwicky.models.diffusion.sampler import Sampler


@pytest.fixture
def mapper(posterior_mapper):
    return posterior_mapper


@pytest.fixture
def sky(posterior_sky):
    return posterior_sky


class TestSamples:
    def test_record(self, mapper, sky):
        told = []
        found = mapper.sample(*sky, 3, names=NAMES, progress=lambda done, total: told.append((done, total)))
        assert found.samples.shape == (4, 3, 2, 64, 64)
        assert found.samples.dtype == np.float32
        assert found.targets == TARGETS
        assert found.names == NAMES
        assert found.evaluations == FAST.evaluations == 3
        assert told[-1] == (12, 12)
        assert found.mass_posterior(1).definition == M200C
        assert found.posterior(0, TARGETS[1]).grid == WIDE_FIELD_64

    def test_a_sample_depends_on_neither_batch_nor_order(self, mapper, sky):
        maps, z = sky
        whole = mapper.sample(maps, z, 4, 5, NAMES, recalibrated=False)
        turned = mapper.sample(maps[::-1], z[::-1], 4, 5, NAMES[::-1], recalibrated=False, rows=3)
        alone = mapper.sample(maps[2:3], z[2:3], 2, 5, NAMES[2:3], recalibrated=False, rows=1)
        np.testing.assert_allclose(np.log10(turned.samples), np.log10(whole.samples[::-1]), atol=2e-5)
        np.testing.assert_allclose(np.log10(alone.samples), np.log10(whole.samples[2:3, :2]), atol=2e-5)
        np.testing.assert_allclose(alone.log10_m200c, whole.log10_m200c[2:3, :2], atol=1e-5)
        np.testing.assert_allclose(turned.log10_m200c, whole.log10_m200c[::-1], atol=1e-5)

    def test_seeds_names_and_samples_differ(self, mapper, sky):
        maps, z = (one[[0, 0]] for one in sky)
        found = mapper.sample(maps, z, 2, 1, ("a", "b"), recalibrated=False).samples
        other = mapper.sample(maps, z, 2, 2, ("a", "b"), recalibrated=False).samples
        fields = [np.log10(one) for one in (*found[:, 0], found[0, 1], other[0, 0])]
        for i, a in enumerate(fields):
            for b in fields[i + 1 :]:
                assert np.abs(a - b).mean() > 0.01

    def test_the_scatter_of_masses_differs_between_clusters(self, mapper, sky):
        maps, z = (one[[0, 0]] for one in sky)
        found = mapper.sample(maps, z, 4, 1, ("a", "b"))
        scatter = found.log10_m200c - mapper.facts.deprojection.predict(found.samples)
        assert np.abs(scatter[0] - scatter[1]).min() > 1e-4

    def test_without_names_rows_are_numbered(self, mapper, sky):
        found = mapper.sample(*sky, 2)
        assert found.names == ("cluster 0", "cluster 1", "cluster 2", "cluster 3")
        assert cluster_numbers(None, 3) == [0, 1, 2]
        assert cluster_numbers(("a", "b"), 2) == cluster_numbers(("b", "a"), 2)[::-1]
        assert all(0 <= number < 2**63 for number in cluster_numbers(NAMES, 4))

    def test_recalibration_scales_deviations(self, mapper, sky):
        wide = ScaleTemperature(edges=(), variance_ratios=((4.0,), (0.25,)))
        recalibration = Recalibration(scales=wide)
        changed = replace(mapper, facts=mapper.facts.model_copy(update={"recalibration": recalibration}))
        plain = np.log10(changed.sample(*sky, 4, recalibrated=False).samples)
        better = np.log10(changed.sample(*sky, 4).samples)
        gain = (better.std(axis=1) / plain.std(axis=1)).mean(axis=(0, 2, 3))
        np.testing.assert_allclose(gain, wide.gains(4)[:, 0], rtol=1e-3)
        np.testing.assert_allclose(better.mean(axis=1), plain.mean(axis=1), atol=1e-5)

    def test_what_no_store_keeps_is_lifted(self, mapper, sky):
        """Painted X-rays go on to 1e-40 of their mean; a network has seen nothing below the floor of a store."""
        views, redshift = sky
        faint, floor = views.copy(), views.copy()
        faint[:, :, :4], floor[:, :, :4] = 1e-38, np.array([1e-14, 1e-6], np.float32)[None, :, None, None]
        np.testing.assert_array_equal(mapper.lifted(faint), floor)
        np.testing.assert_array_equal(mapper.lifted(floor), floor)
        found, wanted = (mapper.sample(one, redshift, 2).samples for one in (faint, floor))
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(mapper.judge(faint)[0], mapper.judge(floor)[0])
        for one, other in zip(
            mapper.predict_moments(faint, redshift), mapper.predict_moments(floor, redshift), strict=True
        ):
            np.testing.assert_array_equal(one, other)

    def test_another_sampler(self, mapper, sky):
        found = mapper.sample(*sky, 2, sampler=Sampler(solver="heun", steps=2))
        assert found.evaluations == 3
        assert not np.allclose(found.samples, mapper.sample(*sky, 2).samples, rtol=1e-3)

    def test_moments_without_sampling(self, mapper, sky):
        mean, sd = mapper.predict_moments(*sky)
        assert mean.shape == sd.shape == (4, 2, 64, 64)
        assert (sd > 0).all()
        samples = np.log10(mapper.sample(*sky, 40, recalibrated=False).samples)
        miss = (samples.mean(axis=1) - mean) / sd * np.sqrt(40)
        assert np.abs(miss.mean()) < 3.0  # an untaught residual has the mean of the training set's, not 0
        alone = replace(mapper, moments=None)
        with pytest.raises(MapError, match="no network for mean"):
            alone.predict_moments(*sky)


class TestBatches:
    @pytest.mark.parametrize(("n", "n_samples", "rows"), [(5, 3, 7), (5, 3, 2), (1, 50, 256), (4, 1, 1)])
    def test_every_sample_once(self, n, n_samples, rows):
        seen = np.zeros((n, n_samples), int)
        for part, chunks in pieces(n, n_samples, rows):
            for chunk in chunks:
                seen[part, chunk.start : chunk.stop] += 1
                assert (part.stop - part.start) * len(chunk) <= rows
        assert (seen == 1).all()

    def test_wide_networks_get_small_batches(self):
        """The published width at 128 x 128: 100 MB of features a row."""
        wide, narrow = (torch.nn.Conv2d(2, width, 3) for width in (128, 8))
        assert rows_that_fit(wide, 128) == MEMORY // (4 * 12 * 128 * 128**2) == 9
        assert rows_that_fit(narrow, 16) == MOST_ROWS
        assert rows_that_fit(torch.nn.Conv2d(2, 10**5, 3), 128) == 1

    def test_the_condition_is_read_once_for_all_samples(self, mapper, sky, monkeypatch):
        seen = []
        encode = mapper.network.denoiser.encode
        monkeypatch.setattr(mapper.network.denoiser, "encode", lambda c: seen.append(len(c)) or encode(c))
        mapper.sample(*sky, 6)
        assert seen == [4]


class TestIntervals:
    def test_of_samples_where_too_few_clusters_were_held_out(self, mapper, sky):
        told = mapper.intervals(mapper.sample(*sky, 4))
        assert mapper.facts.masses is None
        assert not told.calibrated
        np.testing.assert_allclose(told.radii_mpc, [0.4, 0.8, 1.6, 3.2, 6.4])
        assert told.cylinders_msun.shape == (4, 2, 5, len(LEVELS))
        assert told.log10_m200c.shape == (4, len(LEVELS))

    def test_recalibrated(self, sky):
        mapper = assembled(n_validation=100, n_samples=2)
        told = mapper.intervals(mapper.sample(*sky, 4))
        assert told.calibrated
        assert (np.diff(told.cylinders_msun, axis=-1) >= 0).all()

    def test_of_other_maps(self, mapper, sky):
        found = mapper.sample(*sky, 2)
        with pytest.raises(MapError, match="not of this mapper"):
            mapper.intervals(replace(found, targets=TARGETS[::-1]))


class TestRefused:
    @pytest.mark.parametrize(
        ("value", "kind"), [(np.nan, "not finite"), (np.inf, "not finite"), (0.0, ""), (-1.0, "")]
    )
    def test_pixels_are_named_before_anything_is_drawn(self, mapper, sky, monkeypatch, value, kind):
        monkeypatch.setattr(type(mapper.network), "sample", None)
        maps = sky[0].copy()
        maps[2, 1, :2, 5] = value
        number = 2 if kind else 0
        said = rf"c, xray_surface_brightness: 2 pixels \({number} of them not finite\)$"
        with pytest.raises(MapError, match=said.replace("$", "")) as caught:
            mapper.sample(maps, sky[1], 4, names=NAMES)
        assert "compton_y" not in caught.value.as_dict()["got"]

    def test_minus_infinity_counts_once(self, mapper, sky):
        maps = sky[0].copy()
        maps[:, :, 3, 3] = -np.inf
        with pytest.raises(MapError, match=r"cluster 0, compton_y: 1 pixels \(1 of them.*and 3 views more"):
            mapper.sample(maps, sky[1], 4)

    @pytest.mark.parametrize("n_samples", [0, -3])
    def test_no_samples(self, mapper, sky, n_samples):
        with pytest.raises(SamplingError, match="at least 1"):
            mapper.sample(*sky, n_samples, recalibrated=False)
        with pytest.raises(SamplingError, match="ask for 50"):
            mapper.sample(*sky, n_samples)

    def test_one_sample_has_no_spread_to_correct(self, mapper, sky):
        with pytest.raises(SamplingError, match="at least 2"):
            mapper.sample(*sky, 1)
        assert mapper.sample(*sky, 1, recalibrated=False).n_samples == 1

    @pytest.mark.parametrize("cut", [np.s_[:, :1], np.s_[..., :32], np.s_[0], np.s_[:0]])
    def test_other_pixels(self, mapper, sky, cut):
        with pytest.raises(MapError, match=r"64 x 64 pixels of 0\.2 Mpc"):
            mapper.sample(sky[0][cut], sky[1], 2)

    def test_names_that_are_not_one_each(self, mapper, sky):
        with pytest.raises(MapError, match="3 names"):
            mapper.sample(*sky, 2, names=NAMES[:3])

    @pytest.mark.parametrize("z", [[0.1, 0.1, np.nan, 0.1], [0.1] * 3, [0.1, -0.2, 0.1, 0.1]])
    def test_redshifts(self, mapper, sky, z):
        with pytest.raises(RedshiftError, match="Every cluster has a redshift"):
            mapper.sample(sky[0], np.array(z), 2)

    def test_a_sampler_that_diverges_names_step_and_clusters(self, mapper, sky, monkeypatch):
        monkeypatch.setattr(mapper.network.denoiser, "forward", exploding(mapper.network.denoiser, row=2))
        with pytest.raises(SamplingError, match=r"step 1 of 3 .*\n.*\n.*not of c\n") as caught:
            mapper.sample(*sky, 2, names=NAMES, rows=4)
        assert caught.value.rows == (2,)

    def test_a_last_step_that_leaves_the_numbers(self, mapper, sky, monkeypatch):
        def broken(self, clean, batch):
            return torch.full((*clean.shape,), torch.nan)

        monkeypatch.setattr(type(mapper.network), "log10_maps", broken)
        maps, z = (np.repeat(one, 2, axis=0) for one in sky)
        with pytest.raises(SamplingError, match="after its last step") as caught:
            draw_log10(mapper.networks, maps, z, 1, 0, None, FAST)
        assert caught.value.rows == tuple(range(8))
        assert "and 3 more" in str(caught.value)

    def test_views_unlike_the_training_set_are_flagged_not_refused(self, mapper, sky):
        flags, reasons = mapper.judge(np.concatenate([sky[0], 1e4 * sky[0][:1]]))
        assert FLAGS[flags[-1]] == "out-of-domain"
        assert reasons[-1]
        assert mapper.sample(1e4 * sky[0][:1], sky[1][:1], 2).n_samples == 2


def exploding(denoiser, row):
    """Return the denoiser's function, but with NaN for the cluster that is ``row``-th in all batches together."""
    forward, seen = denoiser.forward, []

    def broken(x, sigma, context):
        out = forward(x, sigma, context)
        n_clusters = len(context[0])
        if id(context) not in [one for one, _ in seen]:
            seen.append((id(context), context))
        first = (len(seen) - 1) * n_clusters
        if first <= row < first + n_clusters:
            out = out.clone()
            out.unflatten(0, (n_clusters, -1))[row - first] = torch.nan
        return out

    return broken
