"""Synthetic results on photons, of known scatters and coverages, and the scorecard of a few of them."""

from functools import lru_cache

import numpy as np

from zwicky.core.masses import M500C
from zwicky.core.randomness import Key, Stream
from zwicky.evaluation.microwave.statistics import Bootstrap
from zwicky.evaluation.records import MassPredictions
from zwicky.evaluation.xray.attributions import AttributionProfile, CoreMasking
from zwicky.evaluation.xray.dream import DreamProfile, core_response
from zwicky.evaluation.xray.records import PhotonTest
from zwicky.evaluation.xray.results import EnsembleResult, FoldsResult, ImprovedResult
from zwicky.evaluation.xray.scorecard import build_photon_scorecard

EDGES = (0.0, 0.1, 0.2, 0.5, 1.0)
MASKS = (0.0, 0.1, 0.2)
SD = {"network": 0.05, "luminosity": 0.08, "luminosity_excised": 0.07, "yx": 0.03, "classical": 0.1}
SD |= {"ensemble": 0.18, "member 0": 0.2, "count rate": 0.19, "uniform weights": 0.21, "plain weights": 0.19}


def photon_test(*methods, n_parents=24, per_parent=2, seed=1, sd=None, honest=1.0):
    """Return a test whose methods err by ``sd`` (by method) and say that they err by ``honest`` times that."""
    rng = np.random.default_rng(seed)
    number = np.repeat(np.arange(n_parents), per_parent)
    true = rng.uniform(13.6, 15.0, n_parents)[number]
    redshift, counts = rng.uniform(0.05, 0.8, len(true)), rng.poisson(10 ** (true - 11.8))
    common = rng.standard_normal(len(true))
    predictions = {}
    for name in methods:
        width = (SD | (sd or {}))[name]
        error = np.sqrt(0.5) * (common + rng.standard_normal(len(true)))
        predictions[name] = MassPredictions.gaussian(name, true + width * error, honest * width)
    parent = np.array([f"halo-{i}" for i in number])
    return PhotonTest(parent, true, redshift, counts, predictions, M500C, number % 3)


def dream_profile(core=0.1, n=24):
    """Return photons that come to lie evenly, but in the core ``core`` times as many per area."""
    rng = np.random.default_rng(2)
    area = np.broadcast_to(np.diff(np.square(EDGES)), (n, len(EDGES) - 1))
    even = np.where(np.array(EDGES[1:]) <= 0.2, core, 1.0) * area
    change = 0.05 * even[:, None] * rng.uniform(0.8, 1.2, (n, 1, 1)) * np.array([[[1.0], [0.8]]])
    parent = np.array([f"halo-{i}" for i in range(n)])
    return DreamProfile(EDGES, change, 0.3 * np.ones_like(area), area, np.full((n, 2), 0.02), parent)


def folds_result(**options):
    methods = ("network", "luminosity", "luminosity_excised", "yx")
    test = photon_test(*methods, per_parent=4, **options)
    bootstrap, dream = Bootstrap(20, Key(1, Stream.BOOTSTRAP)), dream_profile()
    n = 24
    share = np.tile([0.01, 0.05, 0.3, 0.2], (n, 1))
    attribution = AttributionProfile(EDGES, share, share.sum(1), np.full(n, 0.002), dream.parent)
    predicted = test.quantiles("network")[:n, 2, None] - np.array([0.0, 0.001, 0.004])
    masking = CoreMasking(MASKS, predicted, test.log10_true[:n], dream.parent)
    history = [{"epoch": i, "train": 1.0 / (i + 1), "validation": 1.1 / (i + 1)} for i in range(4)]
    return FoldsResult(
        test,
        dream,
        core_response(dream, bootstrap),
        core_response(dream_profile(core=8.0), bootstrap),
        attribution,
        {"network": masking, "shown cores only": masking},
        58_437,
        {"fold 0": history},
    )


def ensemble_result(**options):
    test = photon_test("ensemble", "member 0", "count rate", **options)
    noise = {sigma: photon_test("network", sd={"network": 0.18 + 0.1 * sigma}) for sigma in (0.1, 0.0, 0.3)}
    return EnsembleResult(
        test,
        bright=test.counts > np.median(test.counts),
        uniform=photon_test("uniform weights", "plain weights"),
        noise=noise,
        noise_training=noise,
        selection={"painted": 100.0, "detected": 48.0},
        n_members=3,
        n_parameters=300_942,
    )


def improved_result(name="erosita", **options):
    def test(seed, **options):
        return photon_test("network", "classical", seed=seed, **options)

    whole = test(1, **options)
    rng = np.random.default_rng(4)
    return ImprovedResult(
        name,
        whole,
        snr=rng.uniform(-1.0, 100.0, len(whole)),
        flag=np.arange(len(whole)) % 10 // 8,
        by_counts={30.0: test(5), 1000.0: test(6)},
        by_bands={"0.3-2.3 keV": test(7), "2.3-5 keV": test(8)},
        by_offset_arcmin={0.0: test(9), 2.0: test(10)},
        faults={"none": (10, 0, 0), "flux image": (0, 1, 9)},
        training={"epochs": 3, "best": np.nan},
    )


@lru_cache(maxsize=1)
def photon_card():
    """Return a card with every part; nobody changes it."""
    return build_photon_scorecard(
        folds=folds_result(),
        ensemble=ensemble_result(),
        improved={"erosita": improved_result()},
        seed=3,
        n_resamples=20,
    )
