"""The linear part of a network: the Wiener filter, known before any training, for every subset of views."""

import numpy as np
import pytest
import torch
from scipy import fft

from zwicky.inference.mapping.linear_map import LinearMap
from zwicky.models.base import Batch
from zwicky.models.linear_shortcut import LinearShortcut, code_of, cosine_matrix
from zwicky.models.table import build_map_model

SIDE = 16
SUBSETS = [(True, True, True), (True, False, True), (False, True, False)]


@pytest.fixture(scope="module")
def batch():
    """Clusters whose logarithms are correlated fields, in all eight orientations: their mean map is symmetric."""
    rng = np.random.default_rng(1)
    smooth = fft.idctn(
        rng.normal(size=(40, 4, SIDE, SIDE)) / (1.0 + np.hypot(*np.ogrid[:SIDE, :SIDE])), axes=(2, 3)
    )
    truth = smooth[:, 0] + 0.3 * smooth[:, 3]
    views = np.stack([truth + 0.5 * smooth[:, 1], smooth[:, 0], 0.5 * truth - smooth[:, 2]], axis=1)
    views, truth = 30.0 * views, 30.0 * truth + 13.0
    turned = [np.rot90(a, k, (-2, -1)) for k in range(4) for a in (views,)]
    turned += [one[..., ::-1] for one in turned]
    targets = [np.rot90(truth, k, (-2, -1)) for k in range(4)]
    targets += [one[..., ::-1] for one in targets]
    maps, target = (torch.from_numpy(10.0 ** np.concatenate(a)).float() for a in (turned, targets))
    return Batch(maps, torch.full((len(maps),), 0.1), None, target)


def network(batch, kind="any_view", **settings):
    torch.manual_seed(1)
    built = build_map_model({"kind": kind, "width": 4, "depth": 3, "n_pixels": SIDE, **settings})
    built.fit_scaling(batch)
    return built.eval()


def test_the_cosine_transform():
    matrix = cosine_matrix(SIDE).numpy().astype(float)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(SIDE), atol=1e-6)
    image = np.random.default_rng(2).normal(size=(SIDE, SIDE))
    np.testing.assert_allclose(matrix @ image @ matrix.T, fft.dctn(image, norm="ortho"), atol=1e-5)


def test_subsets_have_numbers():
    assert code_of(torch.tensor([[True, False, True], [False, True, False]])).tolist() == [5, 2]
    codes = {int(code_of(torch.tensor(one))) for one in SUBSETS}
    assert len(codes) == len(SUBSETS)


@torch.no_grad()
@pytest.mark.parametrize("present", SUBSETS)
def test_before_any_training_the_answer_is_the_linear_map(batch, present):
    """Two implementations of one filter: cosine modes in torch, and in scipy with the solver of the baseline."""
    views, target = batch.maps.numpy(), batch.target.numpy()
    expected = np.log10(LinearMap.fit(views, target, present).predict(views))
    shown = Batch(batch.maps, batch.redshift, present=torch.tensor([present] * len(views)))
    found = network(batch, shortcut=True).predict(shown).log10_median.numpy()
    np.testing.assert_allclose(found, expected, atol=5e-3)
    plain = network(batch).predict(shown).log10_median.numpy()  # negative control
    assert np.abs(plain - expected).max() > 0.1


@torch.no_grad()
def test_the_published_network_can_begin_there_too(batch):
    views, target = batch.maps.numpy(), batch.target.numpy()
    expected = np.log10(LinearMap.fit(views, target).predict(views))
    for encoders in ("stacked", "separate"):
        built = network(batch, "unet", shortcut=True, encoders=encoders, encoder_width=2)
        np.testing.assert_allclose(built.predict(batch).log10_median.numpy(), expected, atol=5e-3)


@torch.no_grad()
def test_a_missing_view_is_never_read(batch):
    built = network(batch, shortcut=True)
    present = torch.tensor([(True, False, True)] * len(batch.maps))
    poisoned = batch.maps.clone()
    poisoned[:, 1] = torch.nan
    answers = [built.predict(Batch(m, batch.redshift, present=present)) for m in (batch.maps, poisoned)]
    assert torch.equal(answers[0].log10_median, answers[1].log10_median)


def test_it_is_fitted_and_never_trained(batch):
    built = network(batch, shortcut=True)
    assert "shortcut.transfer" in built.state_dict()
    assert not [name for name, _ in built.named_parameters() if name.startswith("shortcut")]
    # One image more of the head: how far the shortcut is trusted.
    assert built.n_parameters == network(batch).n_parameters + 4 + 1


@torch.no_grad()
@pytest.mark.parametrize("kind", ["unet", "any_view"])
def test_a_network_can_say_no(batch, kind):
    """The last image of the head is by how much more the shortcut is trusted: at -1 it is not there."""
    built = network(batch, kind, shortcut=True)
    begun = built.predict(batch).log10_median
    built.head.bias[-1] = -1.0
    silent = built.predict(batch).log10_median
    torch.testing.assert_close(silent, built.target.mean[0].expand_as(silent), rtol=0, atol=1e-5)
    assert (begun - silent).abs().max() > 0.1


def test_nothing_seen_is_nothing_said():
    shortcut = LinearShortcut(2, SIDE)
    shortcut.fit([torch.randn(50, 3, SIDE, SIDE)])
    said = shortcut(torch.zeros(1, 2, SIDE, SIDE), torch.tensor([[False, False]]))
    assert torch.equal(said, torch.zeros(1, SIDE, SIDE))
