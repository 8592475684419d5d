"""The warning light of photon images: dark for mocks like the held-out ones, on for faults, silent on absent bands."""

import re
from dataclasses import replace

import numpy as np
import pytest
from photon_mocks import BANDS_KEV, conversion, observed

from zwicky.inference.domain import FLAGS, Domain
from zwicky.inference.xray.classical import weigh_classically
from zwicky.inference.xray.light import SLACK, WORDS, describe, words_of

RED = FLAGS.index("out-of-domain")


def light(estimator, images):
    """Return flags and reasons of the light alone, without the ends of the training masses."""
    found = weigh_classically(estimator.classical, images)
    return estimator.facts.domain.judge(estimator.numbers(images, found), found.snr)


def net(images):
    flat = np.broadcast_to(images.background, images.counts.shape)
    return (images.counts - flat).sum(axis=(2, 3))


def with_source(images):
    """30 % of the cluster's counts in one pixel that is not the middle."""
    counts = images.counts.copy()
    counts[:, :, 14, 15] += np.random.default_rng(1).poisson(0.3 * np.maximum(net(images), 0))
    return replace(images, counts=counts)


def spoilt_band(images):
    """The hardest band three times as bright as it should be."""
    counts, background = images.counts.copy(), images.background.copy()
    counts[:, 2] *= 3
    background[:, 2] *= 3
    return replace(images, counts=counts, background=background, exposure_s=images.exposure_s)


def test_clean_mocks_are_rarely_flagged(photon_estimator, fresh_photons):
    flag, reasons = light(photon_estimator, fresh_photons[0])
    assert (flag == RED).mean() < 0.03
    assert (flag > 0).mean() < 0.12
    assert [bool(r) for r in reasons] == [bool(v) for v in flag]


@pytest.mark.parametrize(
    ("fault", "word", "least"),
    [
        (with_source, "strongest pixel", 0.6),
        (lambda s: replace(s, counts=10 * s.counts), "outskirts|colour|band over", 0.7),
        (lambda s: replace(s, exposure_s=10 * s.exposure_s), "background per exposure", 0.95),
        (lambda s: replace(s, exposure_s=0.1 * s.exposure_s), "background per exposure", 0.95),
        (lambda s: replace(s, background=0 * s.background), "outskirts beyond", 0.95),
        (lambda s: replace(s, counts=np.roll(s.counts, 12, axis=3)), "0.15 R500|outskirts", 0.7),
        (spoilt_band, "band over those", 0.5),
    ],
    ids=[
        "point source",
        "counts x10",
        "exposure x10",
        "exposure / 10",
        "no background",
        "shifted",
        "one band x3",
    ],
)
def test_the_light_comes_on_and_says_why(photon_estimator, full_bands, fault, word, least):
    images, _ = full_bands
    clean, _ = light(photon_estimator, images)
    flag, reasons = light(photon_estimator, fault(images))
    red = flag == RED
    assert red.mean() > least > 10 * (clean == RED).mean()
    named = np.array([any(re.search(word, reason) for reason in reasons[i]) for i in np.flatnonzero(red)])
    assert named.mean() > 0.6


def test_the_whole_exposure_is_no_reason(photon_estimator):
    """Mocks are thinned to any part of it, so that it is the end of their range: it must not be the edge."""
    flag, reasons = light(photon_estimator, observed(300, 90, mixed=False)[0])
    assert not any("exposure" in reason for one in reasons for reason in one)
    assert (flag == RED).mean() < 0.05


def test_an_image_without_a_cluster_is_flagged(photon_estimator):
    empty, _ = observed(200, 80, source_factor=0.0)
    weighed = photon_estimator.weigh(empty)
    assert (weighed.flag > 0).mean() > 0.97
    nothing = np.array([any("upper limit" in reason for reason in reasons) for reasons in weighed.reasons])
    assert nothing.mean() > 0.6
    np.testing.assert_array_equal(nothing, weighed.snr < 1)


def test_absent_bands_are_no_reason(photon_estimator, full_bands):
    images, _ = full_bands
    for which in ([0, 1], [2]):
        some = images.with_bands(which)
        found = weigh_classically(photon_estimator.classical, some)
        numbers = photon_estimator.numbers(some, found)
        excess = photon_estimator.facts.domain.excesses(numbers, found.snr)
        for i, name in enumerate(["0.3-0.6", "0.6-1", "1-2.3"]):
            there = i in which
            assert np.ma.getmaskarray(numbers[f"background/{name}"]).all() != there
            assert np.ma.getmaskarray(numbers[f"colour/{name}"]).all() != (there and len(which) > 1)
            if not there:
                assert (excess[f"background/{name}"] == 0).all()
        for values in numbers.values():
            assert np.isfinite(np.ma.getdata(values)).all()
        flag, _ = light(photon_estimator, some)
        assert (flag == RED).mean() < 0.04


def test_colours_are_those_of_gas(full_bands, photon_estimator):
    images, _ = full_bands
    found = weigh_classically(photon_estimator.classical, images)
    numbers = describe(images, found, conversion(), BANDS_KEV)
    bright = found.snr > 40
    for name in ("0.3-0.6", "0.6-1", "1-2.3"):
        colour = numbers[f"colour/{name}"].compressed()[bright]
        assert np.median(colour) == pytest.approx(0.0, abs=0.01)
        assert np.std(colour) < 0.04
    other = describe(spoilt_band(images), found, conversion(), BANDS_KEV)
    assert set(other) == set(words_of(BANDS_KEV)) - {"features", "colour", "background"}


def test_what_is_not_exposed_is_told(full_bands, photon_estimator):
    images = full_bands[0].selected(slice(0, 50))
    hole = np.ones((24, 24), np.float32)
    hole[10:14, 12:] = 0.0
    cut = replace(
        images,
        counts=images.counts * hole,
        background=images.background * hole,
        exposure_s=images.exposure_s * hole,
    )
    before, after = (
        describe(one, weigh_classically(photon_estimator.classical, one), conversion(), BANDS_KEV)
        for one in (images, cut)
    )
    assert (before["unexposed"] == 0).all()
    assert (after["unexposed"] > 0.05).all()
    np.testing.assert_allclose(after["background/1-2.3"], before["background/1-2.3"], atol=0.01)
    # Rings are compared with what of them is exposed: a gap is no excess.
    assert np.median(after["strongest_pixel"] / before["strongest_pixel"]) == pytest.approx(1.0, abs=0.15)


def test_every_number_has_words_and_every_margin_a_number():
    words = words_of(BANDS_KEV)
    assert words["colour/0.6-1"].endswith("0.6-1 keV")
    assert set(SLACK) <= set(WORDS)


def test_masked_numbers_are_no_part_of_a_range():
    rng = np.random.default_rng(3)
    values = np.ma.masked_array(rng.normal(size=1000), np.arange(1000) % 2 == 0)
    values.data[::2] = 1e6
    never = np.ma.masked_array(np.zeros(1000), True)
    snr = np.r_[np.full(900, 5.0), np.full(100, 50.0)]
    words = {"colour": "colour", "exposure": "exposure", "never": "never"}
    numbers = {"colour": values, "exposure": np.ones(1000), "never": never}
    domain = Domain.fit(numbers, snr, words, snr_edges=(20.0,), min_stamps=100, slack={"exposure": 0.1})
    assert domain.snr_edges == (20.0,)
    # Only 50 of the bright have the number: their range is that of all.
    assert domain.ranges[0]["colour"].high < 5
    assert domain.ranges[1]["colour"].high == pytest.approx(np.quantile(values.compressed(), 0.999))
    assert domain.ranges[0]["exposure"].low == pytest.approx(0.9)
    one = {"colour": np.ma.masked_array([1e6, 1e6], [True, False]), "exposure": np.array([1.05, 1.3])}
    assert domain.judge(one, snr[:2])[0].tolist() == [0, RED]
    assert domain.judge({"colour": one["colour"][:1]}, snr[:1])[1] == [[]]
    assert domain.judge({"never": np.array([0.5])}, snr[:1])[0].tolist() == [RED]
