"""The network of photon images: absent bands, masks, and what is drawn in training alone."""

from dataclasses import replace

import pytest
import torch
from photon_images import N_BANDS, N_PIXELS, generator, photons, views_of, without

from zwicky.core.errors import ConfigError, MapError
from zwicky.models.base import Batch
from zwicky.models.photon_mass_parts import PhotonViews
from zwicky.models.table import build_model

SMALL = {
    "kind": "photon_mass",
    "n_bands": N_BANDS,
    "n_pixels": N_PIXELS,
    "n_rings": 8,
    "width": 4,
    "hidden": 32,
    "dropout": 0.0,
}


@pytest.fixture(scope="module", params=[True, False], ids=["rings and images", "rings"])
def model(request):
    torch.manual_seed(1)
    built = build_model({**SMALL, "with_images": request.param})
    built.fit_scaling(photons(300))
    return built.eval()


class TestBands:
    def test_presence_is_read_from_exposure_alone(self):
        batch = photons(3)
        dark = views_of(batch)
        dark = PhotonViews(torch.zeros_like(dark.counts), dark.background, dark.exposure_s)
        assert dark.present.all()
        assert views_of(without(batch, 1)).present.tolist() == [[True, False, True]] * 3

    @torch.no_grad()
    def test_nothing_is_read_in_an_absent_band(self, model):
        """Its counts and background may hold anything; no photons in a band that was seen are another thing."""
        batch = without(photons(5), 1)
        other = batch.maps.clone()
        other[:, 1] = 7.0
        other[:, 1 + N_BANDS] = 3.0
        told, same = (model.predict(replace(batch, maps=maps)).mean for maps in (batch.maps, other))
        torch.testing.assert_close(told, same)
        seen = batch.maps.clone()
        seen[:, 1 + 2 * N_BANDS] = 800.0
        assert not torch.allclose(model.predict(replace(batch, maps=seen)).mean, told)

    @torch.no_grad()
    def test_an_absent_band_enters_as_zeros(self, model):
        numbers = model.rings(views_of(without(photons(4), 2))).unflatten(1, model.rings.mean.shape)
        assert not numbers[:, 2].any()
        assert numbers[:, :2].all(dim=-1).any()

    @torch.no_grad()
    @pytest.mark.parametrize("absent", [(0, 1), (2,), (0, 1, 2)])
    def test_every_subset_has_an_answer(self, model, absent):
        answer = model.predict(without(photons(4), *absent))
        assert torch.isfinite(answer.mean).all()
        assert (answer.sd > 0).all()


class TestLoss:
    def test_training_draws_masks(self):
        torch.manual_seed(2)
        plain = {"least_counts": 1e9, "most_counts": 1e9, "all_bands": 1.0, "beta": 0.0}
        model = build_model({**SMALL, **plain, "masks": 1.0})
        batch = photons(40)
        model.fit_scaling(batch)
        assert not torch.allclose(model.train().loss(batch), model.eval().loss(batch))

    def test_validation_takes_images_as_they_are(self, model):
        batch = photons(20)
        with torch.no_grad():
            first, again = model.loss(batch), model.loss(batch)
            answer = model.predict(batch)
        assert first == again
        pull = (answer.mean - batch.log10_mass) / answer.sd
        torch.testing.assert_close(first, (torch.log(answer.sd) + 0.5 * pull**2).mean())

    def test_training_draws_and_the_seed_decides(self):
        torch.manual_seed(2)
        model = build_model(SMALL)
        batch = photons(40)
        model.fit_scaling(batch)
        values = []
        for seed in (1, 1, 2):
            torch.manual_seed(seed)
            values.append(float(model.train().loss(batch).detach()))
        assert values[0] == values[1] != values[2]

    def test_a_network_of_whole_images_in_all_bands_draws_nothing(self):
        """With no beta weights either, its training loss is that of validation."""
        torch.manual_seed(2)
        plain = {"least_counts": 1e9, "most_counts": 1e9, "all_bands": 1.0, "masks": 0.0, "beta": 0.0}
        model = build_model({**SMALL, **plain})
        batch = photons(40)
        model.fit_scaling(batch)
        torch.testing.assert_close(model.train().loss(batch), model.eval().loss(batch))
        weighted = build_model({**SMALL, **plain, "beta": 0.5})
        weighted.load_state_dict(model.state_dict())
        assert not torch.allclose(weighted.train().loss(batch), model.loss(batch))

    def test_it_learns_and_tells_bright_from_faint_at_few_photons(self):
        torch.manual_seed(3)
        model = build_model({**SMALL, "with_images": False})
        training, held_out = photons(250, seed=1), photons(200, seed=2)
        model.fit_scaling(training)
        optimiser = torch.optim.Adam(model.train().parameters(), 5e-3)
        for _ in range(80):
            loss = model.loss(training)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            whole = model.eval().predict(held_out)
            views = views_of(held_out)
            fraction = (60.0 / views.net_counts()).clamp(max=1.0)
            few = views.kept(fraction, views.present, generator(9))
            thin = model.predict(replace(held_out, maps=few.stacked()))
            one = model.predict(without(held_out, 0, 1))
        spread = held_out.log10_mass.std()
        for answer, part in ((whole, 0.3), (thin, 0.6), (one, 0.5)):
            assert (answer.mean - held_out.log10_mass).std() < part * spread
        assert thin.sd.median() > 1.2 * whole.sd.median()
        mixed = model.predict(replace(held_out, redshift=held_out.redshift, maps=held_out.maps.roll(1, 0)))
        assert (
            mixed.mean - held_out.log10_mass
        ).std() > spread  # a network that sees other images knows nothing


@torch.no_grad()
def test_features_are_the_last_hidden_layer(model):
    batch = photons(3)
    features = model.features(batch)
    assert features.shape == (3, 32)
    torch.testing.assert_close(model.head.answer(model.last(features)).mean, model.predict(batch).mean)


@torch.no_grad()
def test_images_change_the_answer_of_the_network_that_reads_them():
    """Two lumps on a ring instead of one: the same rings, another image."""
    torch.manual_seed(4)
    both, rings = (build_model({**SMALL, "with_images": one}).eval() for one in (True, False))
    batch = photons(4, offset=4.0)
    counts = batch.maps[:, :N_BANDS]
    half = torch.cat([counts[..., :12], counts.flip(2)[..., 12:]], dim=3)
    lumpy = replace(batch, maps=torch.cat([half, batch.maps[:, N_BANDS:]], dim=1))
    torch.testing.assert_close(rings.predict(batch).mean, rings.predict(lumpy).mean)
    assert not torch.equal(both.predict(batch).mean, both.predict(lumpy).mean)


@torch.no_grad()
def test_masked_pixels_are_not_read(model):
    batch = photons(3)
    hole = torch.ones(N_PIXELS, N_PIXELS)
    hole[4:9, 3:20] = 0.0
    masked = batch.maps * hole
    answers = model.predict(replace(batch, maps=masked))
    assert torch.isfinite(answers.mean).all()
    sorted_out = model.images is None or torch.equal(
        model.images(PhotonViews.of(masked)),
        model.images(PhotonViews(batch.maps[:, :3], batch.maps[:, 3:6], masked[:, 6:])),
    )
    assert sorted_out


@torch.no_grad()
def test_counts_stay_counts_in_half_precision(model):
    views = views_of(photons(4))
    exact = model.rings(views)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(model.rings(views), exact)


def test_scaling_takes_a_thinned_and_thinned_out_training_set(monkeypatch):
    batch = photons(64)
    monkeypatch.setattr("zwicky.models.photon_mass.SCALING_ROWS", 16)
    torch.manual_seed(5)
    model = build_model(SMALL)
    model.fit_scaling(batch)
    assert model.rings.mean[0, 1].mean() < model.rings.raw(views_of(batch))[0][:, 0, 1].mean()
    torch.testing.assert_close(model.head.target[0], batch.log10_mass.mean())
    assert model.scalars[0, 0] == pytest.approx(float(torch.log10(batch.redshift[::4]).mean()))


@pytest.mark.parametrize("shape", [(2, N_BANDS, N_PIXELS, N_PIXELS), (2, 3 * N_BANDS, 20, 20)])
def test_maps_of_another_kind_are_refused(model, shape):
    with pytest.raises(MapError, match=r"(?s)does not read such maps.*9 x 24 x 24.*PhotonData"):
        model.predict(Batch(torch.ones(shape), torch.ones(2)))


@pytest.mark.parametrize("setting", ["n_pixels", "all_bands", "dropout", "n_ring"])
def test_unusable_settings_are_named(setting):
    with pytest.raises(ConfigError, match=setting):
        build_model({"kind": "photon_mass", setting: 1.5 if setting != "n_pixels" else 3})
