"""What the network of photon images is made of: exact thinning, masks, bands, and rings."""

import numpy as np
import pytest
import torch
from photon_images import N_BANDS, N_PIXELS, generator, photons, views_of, without

from zwicky.models.photon_mass_parts import (
    PhotonViews,
    RingNumbers,
    anscombe_excess,
    random_bands,
    random_fractions,
    random_masks,
    softened_log,
    thinned_counts,
)


class TestThinning:
    def test_a_thinned_poisson_number_is_a_poisson_number(self):
        """Mean and variance are both f times the mean; counts that are merely scaled have f^2 times the variance."""
        counts = torch.poisson(torch.full((4, 1, 200, 200), 6.0), generator=generator(1))
        fraction = torch.tensor([0.1, 0.3, 0.7, 1.0])
        kept = thinned_counts(counts, fraction, generator(2))
        torch.testing.assert_close(kept.mean((1, 2, 3)), 6.0 * fraction, rtol=0.02, atol=0)
        torch.testing.assert_close(kept.var((1, 2, 3)), 6.0 * fraction, rtol=0.05, atol=0)
        scaled = (counts * fraction[:, None, None, None]).var((1, 2, 3))
        assert not torch.allclose(scaled, 6.0 * fraction, rtol=0.2)
        assert torch.equal(kept[3], counts[3])
        assert torch.equal(kept, kept.round())
        assert (kept <= counts).all()

    def test_background_and_exposure_follow_the_photons(self):
        views = views_of(photons(4))
        fraction = torch.tensor([0.1, 0.5, 0.9, 1.0])
        kept = views.kept(fraction, views.present, generator(1))
        part = fraction[:, None, None, None]
        torch.testing.assert_close(kept.background, views.background * part)
        torch.testing.assert_close(kept.exposure_s, views.exposure_s * part)

    def test_fractions_are_log_uniform_in_what_is_left(self):
        net = torch.full((20_000,), 3000.0)
        left = torch.log10(net * random_fractions(net, 30.0, 1e5, generator(3)))
        assert left.min() >= np.log10(30.0) - 1e-5
        assert left.max() <= np.log10(3000.0) + 1e-5
        shares = torch.histc(left, 4, np.log10(30.0), np.log10(3000.0)) / len(net)
        torch.testing.assert_close(shares, torch.full((4,), 0.25), rtol=0, atol=0.015)
        bright = torch.full((1000,), 1e7) * random_fractions(
            torch.full((1000,), 1e7), 30.0, 1e5, generator(4)
        )
        assert bright.max() <= 1.0001e5

    def test_faint_clusters_stay_as_they_are(self):
        assert torch.equal(random_fractions(torch.tensor([12.0, 0.0, -40.0]), 30.0, 1e5), torch.ones(3))

    def test_photons_are_counted_in_the_middle_less_their_background(self):
        counts = torch.zeros(1, 2, 24, 24)
        counts[0, 0, 12, 12], counts[0, 1, 7, 11], counts[0, 1, 0, 0] = 5.0, 3.0, 100.0
        views = PhotonViews(counts, torch.full_like(counts, 0.01), torch.ones_like(counts))
        axis = np.arange(24) - 11.5
        pixels = (np.hypot(axis[:, None], axis) <= 6.0).sum()
        assert float(views.net_counts()) == pytest.approx(8.0 - 0.02 * pixels, rel=1e-5)


class TestBands:
    def test_any_smaller_number_is_as_probable_as_any_other(self):
        kept = random_bands(torch.ones(30_000, 4, dtype=torch.bool), 0.4, generator(5))
        shares = torch.bincount(kept.sum(1), minlength=5) / len(kept)
        torch.testing.assert_close(shares, torch.tensor([0.0, 0.2, 0.2, 0.2, 0.4]), rtol=0, atol=0.01)
        each = kept.float().mean(0)
        torch.testing.assert_close(each, torch.full((4,), 0.7), rtol=0, atol=0.01)

    def test_only_what_is_there_is_kept_and_one_at_least(self):
        present = torch.tensor([[True, False, True], [False, True, False], [False, False, False]])
        for seed in range(20):
            kept = random_bands(present, 0.1, generator(seed))
            assert not (kept & ~present).any()
            assert kept.any(1).tolist() == [True, True, False]


class TestMasks:
    def test_they_are_discs_on_as_many_stamps_as_wanted(self):
        left = random_masks(2000, 50, 0.5, generator(6))
        masked = ~left.flatten(1).all(1)
        assert float(masked.float().mean()) == pytest.approx(0.5 * 40 / 41, abs=0.04)
        part = 1.0 - left[masked].float().mean((1, 2))
        # At most 40 masks with radii of 0.02 to 0.06 widths, whose mean square is 0.00173; some overlap or stick out.
        assert 0.5 < float(part.mean()) / (20.5 * np.pi * 0.00173) < 1.0
        assert part.max() < 40 * np.pi * 0.06**2
        torch.testing.assert_close(left.float().mean((0, 1)), left.float().mean((0, 2)), rtol=0, atol=0.02)
        assert random_masks(3, 50, 0.0, generator(6)).all()

    def test_masked_pixels_lose_everything(self):
        views, left = views_of(photons(4)), random_masks(4, N_PIXELS, 1.0, generator(1))
        masked = views.seen_at(left)
        for images in (masked.counts, masked.background, masked.exposure_s):
            assert not images[~left[:, None].expand_as(images)].any()
        whole = left[:, None].expand_as(views.counts)
        assert torch.equal(
            masked.stacked()[whole.repeat(1, 3, 1, 1)], views.stacked()[whole.repeat(1, 3, 1, 1)]
        )


class TestRings:
    def numbers(self, views, n_rings=8):
        return RingNumbers(views.counts.shape[1], N_PIXELS, n_rings).raw(views)[0]

    def test_a_pixel_lies_in_one_ring_and_no_ring_is_empty(self):
        rings = RingNumbers(1, 50, 40).rings
        assert rings.sum(1).max() == 1.0
        assert (rings.sum(0) > 0).all()
        axis = torch.arange(50) - 24.5
        inside = torch.hypot(axis[:, None], axis).flatten() < 25.0
        assert torch.equal(rings.sum(1) > 0, inside)

    def test_they_are_sums(self):
        views = views_of(photons(2))
        kept = RingNumbers(N_BANDS, N_PIXELS, 8)
        numbers = kept.raw(views)[0]
        sums = torch.stack(
            [views.counts[:, :, one.reshape(24, 24) > 0].sum(2) for one in kept.rings.T], dim=2
        )
        torch.testing.assert_close(torch.expm1(numbers[:, :, 1]), sums, rtol=1e-4, atol=1e-3)

    def test_a_turned_or_mirrored_image_has_the_same(self):
        views = views_of(photons(3, offset=2.0))
        turned = PhotonViews.of(views.stacked().rot90(1, (2, 3)).flip(3))
        torch.testing.assert_close(self.numbers(views), self.numbers(turned))
        shifted = PhotonViews.of(views.stacked().roll(3, 3))
        assert not torch.allclose(self.numbers(views), self.numbers(shifted), atol=0.1)

    def test_pure_background_has_an_excess_of_unit_noise(self):
        background = torch.full((4000, 1, N_PIXELS, N_PIXELS), 2.0)
        counts = torch.poisson(background, generator=generator(7))
        views = PhotonViews(counts, background, torch.ones_like(counts))
        numbers = torch.sinh(self.numbers(views)[:, 0])
        for number in (0, 4):  # of rings, and of discs
            torch.testing.assert_close(numbers[:, number].std(0), torch.ones(8), rtol=0.08, atol=0)
            assert numbers[:, number].mean(0).abs().max() < 0.2

    def test_brightness_does_not_depend_on_the_exposure(self):
        """Nor do the counts per second of a disc, which a gap in the exposure does not make fewer."""
        flat = torch.full((1, 1, N_PIXELS, N_PIXELS), 5000.0)
        whole = PhotonViews(5.0 * flat, flat, flat)
        half = PhotonViews(2.5 * flat, 0.5 * flat, 0.5 * flat)
        hole = torch.ones_like(flat)
        hole[..., 5:14, 13:17] = 0.0
        masked = PhotonViews(whole.counts * hole, whole.background * hole, whole.exposure_s * hole)
        numbers = self.numbers(whole)[:, :, [2, 5]]
        assert numbers[0, 0, 0, 3] == pytest.approx(np.log(4.0), rel=1e-4)
        for other in (half, masked):
            torch.testing.assert_close(self.numbers(other)[:, :, [2, 5]], numbers, rtol=1e-4, atol=1e-4)
        unlike = PhotonViews(whole.counts * hole, whole.background, whole.exposure_s)
        assert not torch.allclose(self.numbers(unlike)[:, :, [2, 5]], numbers, atol=0.1)

    def test_a_ring_without_exposure_says_nothing(self):
        views = views_of(photons(50))
        numbers = RingNumbers(N_BANDS, N_PIXELS, 8)
        numbers.fit(views)
        axis = torch.arange(24) - 11.5
        away = (torch.hypot(axis[:, None], axis) > 1.0).float()
        blind = PhotonViews(views.counts * away, views.background * away, views.exposure_s * away)
        found = numbers(blind).unflatten(1, numbers.mean.shape)
        assert torch.isfinite(found).all()
        assert not found[..., 0].any()
        assert found[..., 1].any()

    def test_numbers_are_standardised_by_those_that_have_them(self):
        half = photons(400)
        maps = torch.cat([half.maps[:200], without(half, 0).maps[200:]])
        numbers = RingNumbers(N_BANDS, N_PIXELS, 8)
        numbers.fit(PhotonViews.of(maps))
        alone = RingNumbers(N_BANDS, N_PIXELS, 8)
        alone.fit(PhotonViews.of(maps[:200]))
        torch.testing.assert_close(numbers.mean[0], alone.mean[0], rtol=1e-4, atol=1e-4)
        seen = numbers(PhotonViews.of(maps)).unflatten(1, numbers.mean.shape)[:, 1:, :3]
        torch.testing.assert_close(seen.mean(0), torch.zeros(2, 3, 8), rtol=0, atol=1e-3)
        torch.testing.assert_close(seen.std(0), torch.ones(2, 3, 8), rtol=0.01, atol=0)


def test_the_softened_logarithm():
    value, sigma = torch.tensor([1e4, 0.0, -1e4, 3.0, -3.0]), torch.ones(5)
    found = softened_log(value, sigma)
    exact = np.log((value.double().numpy() + np.hypot(value.double().numpy(), 1.0)) / 2.0)
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5)
    assert found[0] == pytest.approx(np.log(1e4))
    assert torch.isfinite(found).all()


def test_the_excess_has_unit_noise_whatever_the_background():
    for mean in (5.0, 50.0, 500.0):
        background = torch.full((40_000,), mean)
        excess = anscombe_excess(torch.poisson(background, generator=generator(8)), background)
        assert float(excess.std()) == pytest.approx(1.0, abs=0.04)
        assert abs(float(excess.mean())) < 0.2
    assert float(anscombe_excess(torch.zeros(1), torch.zeros(1))) == 0.0
