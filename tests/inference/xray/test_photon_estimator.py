"""An estimator of photon images: what it answers, that it can be kept, and what it refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from photon_mocks import LOG10_RANGE, MODEL, SEED, conversion, observed, survey

from zwicky.core.errors import CheckpointError, MapError, RedshiftError
from zwicky.core.masses import M500C
from zwicky.core.quantities import COUNTS
from zwicky.inference.conformal import LEVELS
from zwicky.inference.ensemble import NetworkAnswer
from zwicky.inference.estimator import Estimator
from zwicky.inference.xray.classical import RelationFacts, weigh_classically
from zwicky.inference.xray.estimator import PhotonEstimator
from zwicky.inference.xray.fit import fitted_weigher
from zwicky.inference.xray.images import PhotonImages
from zwicky.models.base import Batch
from zwicky.models.table import build_model


@pytest.fixture(scope="module")
def weighed(photon_estimator, fresh_photons):
    return photon_estimator.weigh(fresh_photons[0])


def test_answers_are_ordered_intervals_that_cover_the_truth(weighed, fresh_photons):
    _, truth = fresh_photons
    for quantiles, best in ((weighed.network_log10, 0.7), (weighed.classical_log10, 0.9)):
        assert quantiles.shape == (600, len(LEVELS))
        assert (np.diff(quantiles, axis=1) >= 0).all()
        assert np.corrcoef(quantiles[:, LEVELS.index(0.5)], truth)[0, 1] > best
        inside = (quantiles[:, LEVELS.index(0.16)] < truth) & (truth < quantiles[:, LEVELS.index(0.84)])
        assert inside.mean() == pytest.approx(0.68, abs=5 * np.sqrt(0.68 * 0.32 * (1 / 600 + 1 / 1200)))


def test_the_luminosity_is_that_of_the_images(weighed, fresh_photons):
    images, truth = fresh_photons
    np.testing.assert_allclose(weighed.snr, weighed.luminosity_erg_per_s / weighed.sigma)
    efunc = np.array([conversion().cosmology.efunc(z) for z in images.redshift])
    ratio = weighed.luminosity_erg_per_s / (6e43 * (10**truth / 2e14) ** 1.4 * efunc**2)
    well = weighed.snr > 20
    # Inside R500 of a beta model lies most of the light, but not all.
    assert 0.6 < np.median(ratio[well]) < 1.0
    assert 0.2 < np.std(np.log(ratio[well])) < 0.45
    net = images.counts.sum(axis=(1, 2, 3)) - images.background.sum(axis=(1, 2, 3))
    assert (weighed.counts < net + 5 * np.sqrt(images.counts.sum(axis=(1, 2, 3)))).all()
    assert np.median(weighed.counts[well] / net[well]) > 0.7


def test_one_band_gives_the_same_luminosity_as_all(photon_estimator):
    images, _ = observed(60, 70, mixed=False)
    both = photon_estimator.weigh(images)
    for which in ([0], [2], [0, 1]):
        some = photon_estimator.weigh(images.with_bands(which))
        ratio = some.luminosity_erg_per_s / both.luminosity_erg_per_s
        assert np.median(ratio) == pytest.approx(1.0, abs=0.05)
        assert (some.counts < both.counts).all()
        assert (some.snr < both.snr).all()
    # Negative control: rates of one band taken for those of all.
    wrong = replace(photon_estimator.classical, bands=(0, 1, 2)).weigh(
        images.with_bands([2]).profiles(), images.redshift
    )
    assert abs(np.median(wrong.value * 1e44 / both.luminosity_erg_per_s) - 1.0) > 0.3


def test_mixed_bands_are_weighed_as_each_by_itself(photon_estimator, fresh_photons, weighed):
    images, _ = fresh_photons
    for _, rows in images.band_sets():
        alone = photon_estimator.weigh(images.selected(rows))
        np.testing.assert_allclose(alone.network_log10, weighed.network_log10[rows], atol=2e-4)
        np.testing.assert_allclose(alone.classical_log10, weighed.classical_log10[rows], atol=1e-6)
        np.testing.assert_array_equal(alone.flag, weighed.flag[rows])


def test_saved_and_read_back_it_answers_the_same(photon_estimator, fresh_photons, tmp_path):
    images = fresh_photons[0].selected(slice(0, 40))
    photon_estimator.save(tmp_path)
    content = json.loads((tmp_path / "estimator.json").read_text())
    assert content["format"] == "zwicky-photon-estimator"
    assert content["format_version"] == 1
    assert content["provenance"] == {"made": "in a test"}
    again, here = PhotonEstimator.load(tmp_path).weigh(images), photon_estimator.weigh(images)
    np.testing.assert_allclose(again.network_log10, here.network_log10, atol=1e-6)
    for name in ("classical_log10", "snr", "counts", "luminosity_erg_per_s", "sigma", "r500_arcmin", "flag"):
        np.testing.assert_array_equal(getattr(again, name), getattr(here, name))
    assert again.reasons == here.reasons
    assert {again.flag_name(i) for i in range(40)} <= {"in-domain", "edge", "out-of-domain"}


def test_half_the_bytes_give_nearly_the_same_masses(photon_estimator, fresh_photons, tmp_path):
    images = fresh_photons[0].selected(slice(0, 40))
    photon_estimator.save(tmp_path, half=True)
    change = (
        PhotonEstimator.load(tmp_path).weigh(images).network_log10
        - photon_estimator.weigh(images).network_log10
    )
    assert 0.0 < np.abs(change).max() < 0.01


def test_it_knows_what_it_was_taught_on(photon_estimator):
    assert photon_estimator.definition == M500C
    assert photon_estimator.log10_mass_range == LOG10_RANGE
    assert photon_estimator.redshift_range == (0.15, 0.5)
    assert photon_estimator.instrument.channels == COUNTS[:3]
    assert photon_estimator.survey.settings() == survey().settings()
    assert photon_estimator.facts.survey_seed == SEED
    assert photon_estimator.facts.sizes == {"train": 500, "validation": 1200}
    assert len(photon_estimator.facts.network_conformal.centre_edges) > 1
    assert photon_estimator.classical.relation.prior == "training"
    assert photon_estimator.classical.conversion.column_density_cm2 == survey().sky.column_density_cm2


def test_folders_of_other_estimators_are_told_apart(photon_estimator, tmp_path):
    photon_estimator.save(tmp_path)
    with pytest.raises(CheckpointError, match="another format"):
        Estimator.load(tmp_path)
    with pytest.raises(CheckpointError, match="not the folder of an estimator"):
        PhotonEstimator.load(tmp_path / "nowhere")
    path = tmp_path / "estimator.json"
    path.write_text(path.read_text().replace('"survey_seed"', '"survey_sed"'))
    with pytest.raises(CheckpointError, match="description is damaged"):
        PhotonEstimator.load(tmp_path)


def test_images_unlike_the_training_set_are_refused(photon_estimator):
    images, _ = observed(3, 60)
    wrong = PhotonImages(
        images.counts[:, :2],
        images.background[:, :2],
        images.exposure_s[:, :2],
        images.redshift,
        images.pixel_arcmin,
    )
    for one in (wrong, replace(images, pixel_arcmin=0.5)):
        with pytest.raises(MapError, match="not on the stamp"):
            photon_estimator.weigh(one)
    with pytest.raises(MapError, match=r"Nothing was exposed(.|\n)*image 0"):
        photon_estimator.weigh(images.with_bands([]))
    with pytest.raises(RedshiftError, match="image 1"):
        photon_estimator.weigh(replace(images, redshift=np.array([0.2, 0.6, 0.3])))
    with pytest.raises(RedshiftError, match=r"0.15 < z <= 0.5"):
        photon_estimator.check_redshift(None)
    assert photon_estimator.check_redshift(0.2) == 0.2


def test_a_relation_is_the_same_after_being_kept(photon_estimator, fresh_photons):
    images, mass = fresh_photons
    facts = fitted_weigher(images, mass, conversion(), LOG10_RANGE)
    again = type(facts).model_validate(json.loads(facts.model_dump_json()))
    assert again == facts
    some = images.selected(slice(0, 20))
    first, second = (weigh_classically(one.weigher(conversion()), some) for one in (facts, again))
    np.testing.assert_array_equal(first.log10_quantiles, second.log10_quantiles)
    relation = facts.relation.relation()
    assert RelationFacts.of(relation) == facts.relation
    assert relation.log_prior.shape == (16, 241)
    assert facts.aperture_relation.log_prior is None
    # Rounding of the kept prior does not matter; a prior that is not kept does.
    flat = facts.model_copy(update={"relation": facts.relation.model_copy(update={"prior": "flat"})})
    third = weigh_classically(flat.weigher(conversion()), some)
    assert np.abs(third.log10_quantiles - first.log10_quantiles).max() > 1e-3


def test_members_asked_together_answer_as_one_by_one(photon_estimator, fresh_photons):
    some = fresh_photons[0].selected(slice(0, 30))
    maps, redshift = some.stacked(), some.redshift
    one, two = (NetworkAnswer([m]).predict(maps, redshift) for m in photon_estimator.network.members)
    both = photon_estimator.network.predict(maps, redshift)
    torch.testing.assert_close(both.mean, (one.mean + two.mean) / 2, atol=1e-5, rtol=0)
    variance = (one.sd**2 + two.sd**2) / 2 + ((one.mean - two.mean) / 2) ** 2
    torch.testing.assert_close(both.sd, variance.sqrt(), atol=1e-5, rtol=0)


def test_errors_learned_after_the_first_answer_are_heeded():
    settings = {"kind": "chandra_cnn"}
    members = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        members.append(build_model(settings))
    maps, z = torch.rand(20, 1, 32, 32), torch.full((20,), 0.1)
    truth = torch.linspace(14, 15, 20)
    for member in members:
        member.fit_scaling(Batch(maps, z, truth))
    network = NetworkAnswer(members)
    raw = network.predict(maps.numpy(), z.numpy())
    for member in members:
        member.fit_error(raw, truth)
    after = network.predict(maps.numpy(), z.numpy())
    torch.testing.assert_close(after.mean, raw.mean)
    torch.testing.assert_close(after.sd, NetworkAnswer(members).predict(maps.numpy(), z.numpy()).sd)
    assert (after.sd - raw.sd).abs().min() > 1e-4


def test_networks_without_features_go_without_that_number(monkeypatch):
    import photon_mocks

    from zwicky.models.base import MassModel
    from zwicky.models.erosita_cnn import ErositaCNN

    monkeypatch.setattr(ErositaCNN, "features", MassModel.features)
    monkeypatch.setattr(photon_mocks, "STEPS", 1)
    training, validation = observed(100, 10), observed(150, 20)
    made = photon_mocks.calibrated_photon_estimator(
        [photon_mocks.taught(*training, 1)], MODEL, *training, *validation, photon_mocks.SETTINGS, SEED,
        LOG10_RANGE, photon_mocks.REDSHIFT_RANGE, {},
    )  # fmt: skip
    assert made.feature_cloud == {}
    assert "features" not in made.facts.domain.ranges[0]
    assert len(made.weigh(validation[0].selected(slice(0, 3))).reasons) == 3
