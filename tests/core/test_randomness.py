"""Random numbers by key: the generator, its distributions, and that different keys share nothing."""

import itertools

import numpy as np
import pytest
from scipy import stats

from zwicky.core.randomness import Key, Stream

N = 20_000
KEY = Key(seed=7, stream=Stream.TEST, cluster=11, sight_line=2)
OTHERS = {
    "seed": Key(8, Stream.TEST, 11, 2),
    "stream": Key(7, Stream.LATENTS, 11, 2),
    "cluster": Key(7, Stream.TEST, 12, 2),
    "sight-line": Key(7, Stream.TEST, 11, 3),
    "cluster and sight-line exchanged": Key(7, Stream.TEST, 2, 11),
}


def philox4x64(counter, key, rounds=10):
    """One block of Philox4x64 (Salmon et al. 2011, section 3.3): slow, obvious, independent of numpy."""
    mask = (1 << 64) - 1
    multipliers, weyl = (0xD2E7470EE14C6C93, 0xCA5A826395121157), (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
    (a, b, c, d), (k0, k1) = counter, key
    for _ in range(rounds):
        first, second = multipliers[0] * a, multipliers[1] * c
        a, b, c, d = (second >> 64) ^ b ^ k0, second & mask, (first >> 64) ^ d ^ k1, first & mask
        k0, k1 = (k0 + weyl[0]) & mask, (k1 + weyl[1]) & mask
    return [a, b, c, d]


def correlation_sd(first, second):
    """Pearson's coefficient in units of its standard deviation for independent numbers."""
    return float(np.corrcoef(first, second)[0, 1] * np.sqrt(len(first)))


def test_the_reference_gives_the_published_answers():
    """Known-answer vectors of Random123 (kat_vectors, philox4x64 10)."""
    ones = (1 << 64) - 1
    assert philox4x64([0] * 4, [0] * 2) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]
    assert philox4x64([ones] * 4, [ones] * 2)[0] == 0x87B092C3013FE90B


@pytest.mark.parametrize("key", [KEY, *OTHERS.values(), Key(2**64 - 1, Stream.SPLIT, 2**40, 2**33)])
def test_bits_are_philox_blocks_at_the_address_of_the_key(key):
    expected = [
        philox4x64([block, 0, key.sight_line, key.cluster], [key.seed, int(key.stream)]) for block in (1, 2)
    ]
    assert key.bits(8).tolist() == list(itertools.chain.from_iterable(expected))


def test_the_golden_bits():
    """A change of these words changes every mock: raise RESULTS_VERSION. Recorded in November 2026."""
    assert KEY.bits(3).tolist() == [0xDFD6462ABC06E86A, 0x92F3A86EB8560EF3, 0x7EE4C3EB5E169A73]


def test_the_golden_numbers():
    """These also fix how bits become numbers."""
    np.testing.assert_allclose(
        KEY.uniform(3), [0.8743633131344059, 0.5740304251015332, 0.49567818161275523], rtol=0, atol=1e-15
    )
    np.testing.assert_allclose(
        KEY.normal(3), [1.1472619525829244, 0.18664478571497745, -0.010833404069714512], rtol=1e-12
    )


def test_streams_keep_their_numbers():
    """A stream that changes its number changes every mock: add new ones, never renumber."""
    assert {stream.name: int(stream) for stream in Stream} == {
        "MASS_AND_REDSHIFT": 0,
        "LATENTS": 1,
        "CENTRE_OFFSET": 2,
        "INSTRUMENT_NOISE": 3,
        "SPLIT": 4,
        "BATCH_ORDER": 5,
        "AUGMENTATION": 6,
        "DROPOUT": 7,
        "INITIAL_WEIGHTS": 8,
        "BOOTSTRAP": 9,
        "SUBHALOES": 10,
        "MERGER": 11,
        "ENVIRONMENT": 12,
        "MERGER_GALAXIES": 13,
        "TURBULENCE": 14,
        "LARGE_SCALE": 15,
        "SIGHT_LINE": 16,
        "CORE": 17,
        "NOISE_LADDER": 18,
        "MICROWAVE_SKY": 19,
        "MICROWAVE_NOISE": 20,
        "PHOTONS": 21,
        "POINT_SOURCES": 22,
        "DETECTOR": 23,
        "THINNING": 24,
        "REDSHIFT_NOISE": 25,
        "POSTERIOR_SAMPLES": 26,
        "POSTERIOR_MASSES": 27,
        "RANDOM_POINTS": 28,
        "TEST": 99,
    }


def test_the_same_key_gives_the_same_numbers_and_more_of_them_change_none():
    np.testing.assert_array_equal(KEY.normal(50), Key(7, Stream.TEST, 11, 2).normal(50))
    np.testing.assert_array_equal(KEY.bits(1001)[:10], KEY.bits(10))
    np.testing.assert_array_equal(KEY.uniform(3, 4, 5).ravel(), KEY.uniform(60))


def test_the_order_and_the_batch_do_not_matter():
    def batch(clusters):
        return {c: Key(1, Stream.LATENTS, c).normal(9).tolist() for c in clusters}

    one_by_one = {}
    for cluster in reversed(range(20)):
        one_by_one |= batch([cluster])
    assert batch(range(20)) == one_by_one


@pytest.mark.parametrize("name", OTHERS)
def test_another_key_shares_nothing(name):
    other = OTHERS[name]
    assert not set(KEY.bits(N).tolist()) & set(other.bits(N).tolist())
    assert abs(correlation_sd(KEY.normal(N), other.normal(N))) < 4.5
    assert abs(correlation_sd(KEY.normal(N) ** 2, other.normal(N) ** 2)) < 4.5


def test_the_correlation_test_sees_a_shared_part():
    mixed = 0.1 * KEY.normal(N) + OTHERS["seed"].normal(N)
    assert correlation_sd(KEY.normal(N), mixed) > 4.5
    shifted = np.roll(KEY.bits(N), 1)
    assert set(KEY.bits(N).tolist()) & set(shifted.tolist())


def test_thousands_of_neighbouring_keys_never_meet():
    words = [
        word
        for seed in range(4)
        for stream in (Stream.SPLIT, Stream.TEST)
        for cluster in range(100)
        for sight_line in range(4)
        for word in Key(seed, stream, cluster, sight_line).bits(4).tolist()
    ]
    assert len(set(words)) == len(words) == 4 * 2 * 100 * 4 * 4


def test_first_numbers_of_neighbouring_clusters_are_uniform():
    """A mock takes a few numbers of many keys, not many numbers of one."""
    first = np.array([Key(1, Stream.MASS_AND_REDSHIFT, cluster).uniform(1)[0] for cluster in range(3000)])
    assert stats.kstest(first, "uniform").pvalue > 1e-3
    assert abs(correlation_sd(first[1:], first[:-1])) < 4.5


def test_uniform_and_its_negative_control():
    uniform = KEY.uniform(N)
    assert stats.kstest(uniform, "uniform").pvalue > 1e-3
    assert stats.kstest(uniform**1.1, "uniform").pvalue < 1e-6


@pytest.mark.parametrize("word", [0, 2**64 - 1])
def test_uniform_never_reaches_its_ends(word, monkeypatch):
    monkeypatch.setattr(Key, "bits", lambda self, n: np.full(n, word, np.uint64))
    number = KEY.uniform(1)[0]
    assert 0.0 < number < 1.0
    assert np.isfinite(KEY.normal(1)[0])


def test_normal_moments_and_their_negative_control():
    def moments_sd(x):
        """Mean, variance, skewness, excess kurtosis in units of their standard deviations for a Gaussian."""
        n = len(x)
        return np.abs(
            [
                x.mean() * np.sqrt(n),
                (x.var() - 1.0) * np.sqrt(n / 2),
                stats.skew(x) * np.sqrt(n / 6),
                stats.kurtosis(x) * np.sqrt(n / 24),
            ]
        )

    normal = KEY.normal(N)
    assert (moments_sd(normal) < 4.0).all()
    assert stats.kstest(normal, "norm").pvalue > 1e-3
    assert moments_sd(1.05 * normal)[1] > 4.0
    assert moments_sd(normal + 0.05)[0] > 4.0
    assert moments_sd(normal + 0.05 * normal**2)[2] > 4.0
    assert moments_sd(stats.t(5).ppf(KEY.uniform(N)))[3] > 4.0


def test_integers_are_even_and_in_range():
    counts = np.bincount(KEY.integers(7, N), minlength=7)
    assert len(counts) == 7
    assert stats.chisquare(counts).pvalue > 1e-3
    assert stats.chisquare(np.bincount(KEY.integers(7, N) // 2)).pvalue < 1e-6


def test_permutations_hold_each_number_once_and_start_anywhere():
    assert sorted(KEY.permutation(100).tolist()) == list(range(100))
    starts = [Key(0, Stream.BATCH_ORDER, cluster).permutation(5)[0] for cluster in range(2000)]
    assert stats.chisquare(np.bincount(starts)).pvalue > 1e-3


def test_a_word_seeds_another_generator():
    words = {Key(0, Stream.TEST, cluster).word() for cluster in range(100)}
    assert len(words) == 100
    assert all(0 <= word < 2**63 for word in words)


@pytest.mark.parametrize("mean", [0.02, 3.0, 60.0])
def test_poisson_numbers_have_their_distribution(mean):
    drawn = np.array([Key(5, Stream.TEST, i).poisson(mean) for i in range(4000)])
    assert drawn.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / 4000))
    assert drawn.var() == pytest.approx(mean, rel=0.15)
    assert (drawn == 0).mean() == pytest.approx(np.exp(-mean), abs=4 * np.sqrt(0.25 / 4000))
    assert (drawn >= 0).all()


def test_nothing_is_expected_of_nothing():
    assert Key(5, Stream.TEST).poisson(0.0) == 0
