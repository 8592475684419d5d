"""White fields: the covariance of residuals, ring by ring, taken away and given back."""

import pytest
import torch
from scipy.fft import dctn

from zwicky.models.diffusion.network import added, per_sample
from zwicky.models.diffusion.residual_net import ResidualNet, ResidualNetSettings
from zwicky.models.diffusion.whitening import Whitening, cosine_matrix, ring_numbers, scale_weights

N = 16


def coloured(n, seed=0):
    """Two correlated fields with steep spectra."""
    generator = torch.Generator().manual_seed(seed)
    white = torch.randn(n, 2, N, N, generator=generator)
    k = torch.arange(N, dtype=torch.float32)
    amplitude = 1.0 / (1.0 + torch.hypot(k[:, None], k[None])) ** 1.5
    cosines = cosine_matrix(N)
    fields = cosines.T @ (amplitude * white) @ cosines
    return torch.stack([fields[:, 0], 3.0 * (0.8 * fields[:, 0] + 0.6 * fields[:, 1])], dim=1)


def fitted(fields):
    whitening = Whitening(2, N)
    whitening.fit(fields.split(100))
    return whitening


def test_the_cosine_matrix_is_the_orthonormal_transform():
    cosines = cosine_matrix(N)
    torch.testing.assert_close(cosines @ cosines.T, torch.eye(N), rtol=0, atol=1e-6)
    x = coloured(1)[0, 0]
    wanted = torch.from_numpy(dctn(x.numpy(), type=2, norm="ortho"))
    torch.testing.assert_close(cosines @ x @ cosines.T, wanted, rtol=0, atol=1e-5)


def test_rings_hold_all_modes():
    rings = ring_numbers(N)
    assert rings[0, 0] == 0
    assert rings[3, 4] == 5
    assert rings.max() == N - 1
    assert (torch.bincount(rings.flatten()) > 0).all()


def test_there_and_back_is_the_same():
    fields = coloured(400)
    whitening = fitted(fields)
    torch.testing.assert_close(whitening.back(whitening.into(fields)), fields, rtol=0, atol=1e-3)


def test_white_fields_are_white():
    whitening = fitted(coloured(2000))
    white = whitening.into(coloured(500, seed=1))
    modes = whitening.modes(white)
    for ring in (0, 1, 4, 9, 15):
        chosen = modes[:, :, whitening.rings == ring].permute(1, 0, 2).flatten(1)
        covariance = chosen @ chosen.T / chosen.shape[1]
        torch.testing.assert_close(covariance, torch.eye(2), rtol=0, atol=0.2)
    assert float(white.square().mean()) == pytest.approx(1.0, rel=0.03)
    # the control: before that they were not
    raw = whitening.modes(coloured(500, seed=1))
    low, high = (raw[:, 0, whitening.rings == ring].square().mean() for ring in (1, 12))
    assert low > 50 * high


def test_white_noise_gets_the_covariance_back():
    whitening = fitted(coloured(2000))
    drawn = whitening.back(torch.randn(2000, 2, N, N, generator=torch.Generator().manual_seed(8)))
    wanted, found = (torch.corrcoef(x.permute(1, 0, 2, 3).flatten(1)) for x in (coloured(500, seed=2), drawn))
    assert float(found[0, 1]) == pytest.approx(float(wanted[0, 1]), abs=0.03)
    assert float(drawn.std()) == pytest.approx(float(coloured(500, seed=2).std()), rel=0.05)


def test_unfitted_it_does_nothing():
    fields = coloured(3)
    torch.testing.assert_close(Whitening(2, N).into(fields), fields, rtol=0, atol=1e-5)


def test_its_matrices_are_saved():
    whitening = fitted(coloured(100))
    other = Whitening(2, N)
    other.load_state_dict(whitening.state_dict())
    fields = coloured(3)
    torch.testing.assert_close(other.into(fields), whitening.into(fields))
    assert set(whitening.state_dict()) == {"whiten", "colour"}


class TestWeights:
    def test_their_mean_is_1(self):
        for balance in (0.0, 0.3, 1.0):
            assert float(scale_weights(N, balance).mean()) == pytest.approx(1.0, rel=1e-5)

    def test_without_balance_all_modes_weigh_the_same(self):
        torch.testing.assert_close(scale_weights(N, 0.0), torch.ones(N, N))

    def test_balanced_octaves_weigh_the_same(self):
        weights, rings = scale_weights(N, 1.0), ring_numbers(N)
        octaves = [(rings >= low) & (rings < high) for low, high in ((0, 1), (1, 2), (2, 4), (4, 8), (8, 16))]
        found = torch.stack([weights[octave].sum() for octave in octaves])
        torch.testing.assert_close(found, torch.full((5,), N * N / 5.0))
        assert weights[0, 0] > 50.0 > 1.0 > weights[N - 1, 0]


class TestNetwork:
    def network(self):
        torch.manual_seed(0)
        net = ResidualNet(ResidualNetSettings(width=8, depth=2, blocks=2, encoder_blocks=2), 2, 3, N)
        for parameter in net.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)
        return net.eval()

    def test_before_training_it_says_nothing(self):
        net = ResidualNet(ResidualNetSettings(width=8, depth=2), 2, 3, N)
        assert not net(torch.randn(2, 2, N, N), torch.zeros(2), net.encode(torch.randn(2, 3, N, N))).any()

    @torch.no_grad()
    def test_the_condition_is_encoded_once_for_all_samples(self):
        net, condition, x = self.network(), torch.randn(2, 3, N, N), torch.randn(6, 2, N, N)
        noise = torch.linspace(-1.0, 1.0, 6)
        together = net(x, noise, net.encode(condition))
        each = net(x, noise, net.encode(per_sample(condition, 6)))
        torch.testing.assert_close(together, each, rtol=1e-4, atol=1e-5)
        # the control: the order of rows matters
        wrong = net(x, noise, net.encode(condition.flip(0)))
        assert (wrong - together).abs().max() > 1e-3

    @torch.no_grad()
    def test_noise_and_condition_matter(self):
        net, condition, x = self.network(), torch.randn(1, 3, N, N), torch.randn(1, 2, N, N)
        context = net.encode(condition)
        assert (net(x, torch.zeros(1), context) - net(x, torch.ones(1), context)).abs().max() > 1e-4
        assert (
            net(x, torch.zeros(1), context) - net(x, torch.zeros(1), net.encode(-condition))
        ).abs().max() > 1e-4

    def test_features_are_added_row_by_row(self):
        h, features = torch.randn(6, 4), torch.randn(3, 4)
        torch.testing.assert_close(added(h, features), h + per_sample(features, 6))
