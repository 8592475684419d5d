"""Each metric: a perfect input, a closed form, a flaw that must move it, and too few rows.

Closed forms are those of Gaussian residuals; the tolerance is four standard errors of the sample.
"""

import math

import numpy as np
import pytest
from scipy.stats import norm

from zwicky.evaluation.metrics import METRICS, Metric, evaluate, gaussian_core_sd
from zwicky.evaluation.records import LEVELS, MassPredictions

N = 20_000
SD = 0.08
HALF = 0.99445788  # Phi^-1(0.84): half of the 16-84 % range of a unit Gaussian


def calibrated(bias=0.0, sd=SD, claimed=SD, n=N, seed=5, tilt=0.0, wings=0.0):
    """Return truth and quantiles; the error bars claim ``claimed``, the errors are ``sd``."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(14.0, 15.0, n)
    error = sd * rng.standard_normal(n)
    error[rng.uniform(size=n) < wings] *= 10.0
    median = true + bias + error - tilt * (true - 14.5)
    return true, MassPredictions.gaussian("network", median, claimed).log10_quantiles


def metric_of(name, *sample):
    return float(METRICS[name](*sample))


PERFECT = [name for name, metric in METRICS.items() if metric.perfect is not None]


@pytest.mark.parametrize("name", [n for n in PERFECT if n not in ("coverage_68", "coverage_95", "pull_sd")])
def test_exact_predictions_have_the_perfect_value(name):
    true = np.linspace(14.0, 15.0, 101)
    # Error bars of 1e-12 dex: the quantile score is zero only for a certain and right prediction.
    quantiles = MassPredictions.gaussian("oracle", true, 1e-12).log10_quantiles
    assert metric_of(name, true, quantiles) == pytest.approx(METRICS[name].perfect, abs=1e-10)


@pytest.mark.parametrize(
    ("name", "error"), [("coverage_68", 0.0033), ("coverage_95", 0.0015), ("pull_sd", 0.005)]
)
def test_calibrated_predictions_have_the_perfect_value(name, error):
    # Standard errors: sqrt(p (1 - p) / n) and 1 / sqrt(2 n). The sd in units of the half-width is 1 / HALF.
    perfect = METRICS[name].perfect * (1.0 / HALF if name == "pull_sd" else 1.0)
    assert metric_of(name, *calibrated()) == pytest.approx(perfect, abs=4.0 * error)


def expected_quantile_score(sd):
    """At the exact quantiles of a Gaussian, twice the expected pinball loss is 2 sd phi(z)."""
    return 2.0 * sd * float(np.mean(norm.pdf(norm.ppf(LEVELS))))


CLOSED_FORM = {
    "bias_dex": (0.03, SD / math.sqrt(N)),
    "bias_median_dex": (0.03, 1.2533 * SD / math.sqrt(N)),
    "scatter_dex": (SD, SD / math.sqrt(2 * N)),
    "scatter_ln": (SD * 2.302585, SD * 2.302585 / math.sqrt(2 * N)),
    "scatter_gaussian_dex": (SD, 0.02 * SD / 4),
    "scatter_mad_dex": (SD, 1.1664 * SD / math.sqrt(N)),
    "scatter_1684_dex": (SD * HALF, 0.01 * SD),
    "slope": (0.9, SD / math.sqrt(N / 12)),
    "coverage_68": (2 * norm.cdf(HALF * 0.5) - 1, math.sqrt(0.25 / N)),
    "coverage_95": (2 * norm.cdf(1.959964 * 0.5) - 1, math.sqrt(0.25 / N)),
    "mean_predicted_sd_dex": (0.5 * SD * HALF, 1e-9),
    "pull_sd": (2.0 / HALF, 2.0 / HALF / math.sqrt(2 * N)),
    "outlier_fraction": (2 * norm.sf(0.3 / SD), math.sqrt(2e-4 / N)),
    "quantile_score_dex": (expected_quantile_score(SD), 0.01 * SD / 4),
}
SETTING = {
    "bias_dex": {"bias": 0.03},
    "bias_median_dex": {"bias": 0.03},
    "slope": {"tilt": 0.1},
    "coverage_68": {"claimed": 0.5 * SD},
    "coverage_95": {"claimed": 0.5 * SD},
    "mean_predicted_sd_dex": {"claimed": 0.5 * SD},
    "pull_sd": {"claimed": 0.5 * SD},
}


def test_every_metric_has_a_closed_form_here():
    assert set(CLOSED_FORM) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_closed_form_on_gaussian_residuals(name):
    value, error = CLOSED_FORM[name]
    assert metric_of(name, *calibrated(**SETTING.get(name, {}))) == pytest.approx(value, abs=4.0 * error)


# A flaw for each metric, and the least change that it must cause: the negative control of the tests above.
FLAWS = {
    "bias_dex": ({"bias": 0.05}, 0.04),
    "bias_median_dex": ({"bias": 0.05}, 0.04),
    "scatter_dex": ({"sd": 2 * SD}, 0.9 * SD),
    "scatter_ln": ({"sd": 2 * SD}, 2.0 * SD),
    "scatter_gaussian_dex": ({"sd": 2 * SD}, 0.9 * SD),
    "scatter_mad_dex": ({"sd": 2 * SD}, 0.9 * SD),
    "scatter_1684_dex": ({"sd": 2 * SD}, 0.9 * SD),
    "slope": ({"tilt": 0.3}, -0.25),
    "coverage_68": ({"sd": 2 * SD}, -0.2),
    "coverage_95": ({"sd": 2 * SD}, -0.2),
    "mean_predicted_sd_dex": ({"claimed": 2 * SD}, 0.9 * SD),
    "pull_sd": ({"sd": 2 * SD}, 0.9),
    "outlier_fraction": ({"wings": 0.1}, 0.05),
    "quantile_score_dex": ({"claimed": 3 * SD}, 0.2 * SD),
}


@pytest.mark.parametrize("name", METRICS)
def test_a_flaw_moves_the_metric(name):
    flaw, least = FLAWS[name]
    change = metric_of(name, *calibrated(**flaw)) - metric_of(name, *calibrated())
    assert change / least >= 1.0


@pytest.mark.parametrize("name", METRICS)
def test_undefined_with_too_few_rows(name):
    metric, (true, quantiles) = METRICS[name], calibrated(n=50)
    too_few = metric.minimum_rows - 1
    assert math.isnan(metric(true[:too_few], quantiles[:too_few]))
    assert math.isfinite(metric(true[: metric.minimum_rows], quantiles[: metric.minimum_rows]))


def test_slope_is_undefined_when_all_masses_are_alike():
    true, quantiles = calibrated(n=50)
    assert math.isnan(metric_of("slope", np.full(50, 14.3), quantiles))
    assert math.isfinite(metric_of("slope", true, quantiles))


@pytest.mark.parametrize("name", METRICS)
def test_stacked_samples_give_what_single_ones_give(name):
    samples = [calibrated(n=200, seed=seed) for seed in range(6)]
    true, quantiles = (
        np.stack(part).reshape(2, 3, 200, *part[0].shape[1:]) for part in zip(*samples, strict=True)
    )
    single = [metric_of(name, *sample) for sample in samples]
    np.testing.assert_allclose(
        METRICS[name](true, quantiles), np.reshape(single, (2, 3)), rtol=1e-12, atol=1e-15
    )


def test_robust_scatters_ignore_wings_that_the_standard_deviation_does_not():
    clean, winged = calibrated(), calibrated(wings=0.05)
    assert metric_of("scatter_dex", *winged) > 2.0 * SD
    for name in ("scatter_gaussian_dex", "scatter_mad_dex"):
        assert metric_of(name, *winged) == pytest.approx(metric_of(name, *clean), rel=0.1)


def test_the_core_fit_solves_the_equation_of_maximum_likelihood():
    # At the solution, the truncated Gaussian has the mean and the variance of the core.
    residual = np.random.default_rng(2).standard_t(3.0, 5000)
    sd = float(gaussian_core_sd(residual))
    centre = np.median(residual)
    for _ in range(50):
        core = residual[np.abs(residual - centre) <= 2.0 * sd]
        centre = core.mean()
    factor = 1.0 - 4.0 * norm.pdf(2.0) / (2.0 * norm.cdf(2.0) - 1.0)
    assert core.std() == pytest.approx(sd * math.sqrt(factor), rel=2e-3)


def test_the_core_fit_of_equal_numbers_is_zero():
    assert float(gaussian_core_sd(np.full(20, 0.3))) == pytest.approx(0.0, abs=1e-15)
    assert float(gaussian_core_sd(np.array([0.25] * 11 + [9.0] * 9))) == 0.0


def test_evaluate_gives_the_metrics_asked_for_in_order():
    true, quantiles = calibrated(n=100)
    both = evaluate(true, quantiles, ("slope", "bias_dex"))
    assert both.tolist() == [metric_of("slope", true, quantiles), metric_of("bias_dex", true, quantiles)]
    assert evaluate(true, quantiles).shape == (len(METRICS),)


def test_the_table_is_complete():
    for name, metric in METRICS.items():
        assert isinstance(metric, Metric)
        assert metric.name == name
        assert metric.unit in ("dex", "ln", "")
        assert ("dex" in name) == (metric.unit == "dex")
        assert metric.description
