"""NCSN++: the published counts, the oracle's function, and the contract of every network that denoises."""

import pytest
import torch
from torch import nn

from zwicky.core.config import parse
from zwicky.core.errors import ConfigError
from zwicky.models.diffusion.ncsnpp import NCSNpp, NCSNppSettings
from zwicky.models.diffusion.ncsnpp_parts import NormSwish


def small(**settings):
    torch.manual_seed(0)
    return NCSNppSettings(**({"width": 8, "multipliers": (1, 2), "n_pixels": 16, "blocks": 1} | settings))


def n_trained(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def equal_modules(ours: NCSNpp) -> list[nn.Module]:
    """Our modules in the order in which the oracle lists its own."""
    found = [ours.embedding, ours.embedding.first, ours.embedding.second, ours.first]
    for level, blocks in enumerate(ours.down):
        if level:
            found += [ours.halvings[level - 1], ours.joins[level - 1]]
        found += blocks
    found += [ours.bottom[0], *([ours.attention] if ours.config.attention else []), ours.bottom[1]]
    for level, blocks in enumerate(ours.up):
        if level:
            found.append(ours.doublings[level - 1])
        found += [*blocks, ours.readings[level].norm, ours.readings[level].out]
    return found


NAMES = {
    "first_norm": "GroupNorm_0",
    "first": "Conv_0.conv",
    "of_noise": "Dense_0",
    "second_norm": "GroupNorm_1",
    "second": "Conv_1.conv",
    "shortcut": "Conv_2.conv",
    "query_key_value": "to_qkv",
    "out": "to_out",
}


def copy_weights(ours: NCSNpp, oracle: nn.Module) -> None:
    """Copy all numbers of the oracle; each must be used once."""
    mine, theirs = equal_modules(ours), list(oracle.all_modules)
    assert len(mine) == len(theirs)
    ours.embedding.frequencies.copy_(theirs[0].W.data)
    n_copied = 0
    for a, b in zip(mine[1:], theirs[1:], strict=True):
        values = dict(b.named_parameters())
        for name, parameter in a.named_parameters():
            module, _, leaf = name.rpartition(".")
            options = [f"{NAMES.get(module, module)}.{leaf}", leaf, f"conv.{leaf}", f"Conv_0.conv.{leaf}"]
            value = next(values.pop(option) for option in options if option in values)
            parameter.data.copy_(value.data)
            n_copied += value.numel()
        assert not values
    assert n_copied == n_trained(ours) == n_trained(oracle)


def oracle_of(config: NCSNppSettings):
    architectures = pytest.importorskip("score_models.architectures")
    return architectures.NCSNpp(
        channels=config.n_channels,
        nf=config.width,
        ch_mult=config.multipliers,
        num_res_blocks=config.blocks,
        fir_kernel=config.fir_kernel,
        fourier_scale=config.fourier_scale,
        init_scale=config.init_scale,
        attention=config.attention,
        condition=["input"],
        condition_input_channels=config.n_condition,
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"blocks": 2, "multipliers": (1, 2, 2, 4)},
        {"multipliers": (2, 1, 1), "n_channels": 1, "n_condition": 3},
        {"attention": False, "multipliers": (1,), "fir_kernel": (1, 1)},
        {"fir_kernel": (1, 2, 4, 6)},
    ],
)
def test_it_is_the_function_of_the_oracle(settings):
    config = small(init_scale=1.0, **settings)
    oracle, ours = oracle_of(config), NCSNpp(config)
    copy_weights(ours, oracle)
    x, condition = torch.randn(3, config.n_channels, 16, 16), torch.randn(3, config.n_condition, 16, 16)
    noise = torch.tensor([0.0, 0.3, 1.0])
    with torch.no_grad():
        expected = oracle(noise, x, condition)
        found = ours(x, noise, ours.encode(condition))
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "n_numbers"),
    [
        ({}, 45_835_912),  # 45.84 M, the published network
        ({"width": 64}, 11_481_928),
        ({"width": 64, "multipliers": (1, 2, 2, 4)}, 18_468_232),
        ({"width": 32, "multipliers": (1, 2, 2, 2)}, 2_429_000),
    ],
)
def test_numbers_that_are_trained(settings, n_numbers):
    assert n_trained(NCSNpp(NCSNppSettings(**settings))) == n_numbers


@pytest.mark.slow
def test_the_oracle_has_as_many_with_its_own_defaults():
    architectures = pytest.importorskip("score_models.architectures")
    oracle = architectures.NCSNpp(channels=2, condition=["input"], condition_input_channels=2)
    assert n_trained(oracle) == 45_835_912


def awake(**settings) -> NCSNpp:
    """A network whose answer is not small because training has not begun."""
    return NCSNpp(small(init_scale=1.0, **settings)).eval()


def test_samples_of_a_cluster_share_its_condition_and_clusters_stay_apart():
    network = awake()
    condition, x, noise = torch.randn(2, 2, 16, 16), torch.randn(6, 2, 16, 16), torch.rand(6)
    with torch.no_grad():
        together = network(x, noise, network.encode(condition))
        second = network(x[3:], noise[3:], network.encode(condition[1:]))
        swapped = network(x, noise, network.encode(condition.flip(0)))
    torch.testing.assert_close(together[3:], second, rtol=1e-5, atol=1e-5)
    assert (together - swapped).abs().max() > 1e-2


def test_answer_depends_on_the_noise_level_of_its_own_row_only():
    network = awake()
    context, x = network.encode(torch.randn(2, 2, 16, 16)), torch.randn(2, 2, 16, 16)
    with torch.no_grad():
        a, b = (network(x, torch.tensor(t), context) for t in ([0.2, 0.5], [0.2, 0.9]))
    torch.testing.assert_close(a[0], b[0], rtol=1e-5, atol=1e-5)
    assert (a[1] - b[1]).abs().max() > 1e-2


def test_without_a_condition_it_sees_the_noisy_maps_alone():
    network = awake(n_condition=0, n_channels=1)
    x = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        found = network(x, torch.rand(2), network.encode(torch.zeros(2, 0, 16, 16)))
    assert found.shape == x.shape


def test_every_number_gets_a_gradient():
    network = awake(blocks=2).train()
    answer = network(torch.randn(2, 2, 16, 16), torch.rand(2), network.encode(torch.randn(2, 2, 16, 16)))
    answer.square().mean().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert silent == []


def test_bfloat16_is_float32_but_for_rounding():
    network = awake()
    x, noise, condition = torch.randn(2, 2, 16, 16), torch.rand(2), torch.randn(2, 2, 16, 16)
    with torch.no_grad():
        exact = network(x, noise, [condition])
        with torch.autocast("cpu", torch.bfloat16):
            rounded = network(x, noise, [condition]).float()
    assert 0 < (rounded - exact).std() < 0.03 * exact.std()


def test_gradients_in_bfloat16_are_those_in_float32_but_for_rounding():
    network = awake()
    x, noise, condition = torch.randn(2, 2, 16, 16), torch.rand(2), torch.randn(2, 2, 16, 16)
    found = []
    for half in (False, True):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            answer = network(x, noise, [condition])
        answer.float().square().mean().backward()
        found.append(network.first.weight.grad.clone())
    assert (found[1] - found[0]).std() < 0.1 * found[0].std()


def test_training_begins_near_zero_as_init_scale_says():
    small_start, full = NCSNpp(small()), NCSNpp(small(init_scale=1.0))
    x, noise, condition = torch.randn(2, 2, 16, 16), torch.rand(2), torch.randn(2, 2, 16, 16)
    with torch.no_grad():
        ratio = small_start(x, noise, [condition]).std() / full(x, noise, [condition]).std()
    assert 0.03 < ratio < 0.3  # sqrt(1e-2) of the last weights, and of those of each block


def test_dropout_forgets_in_training_only():
    network = awake(dropout=0.5)
    x, noise, condition = torch.randn(1, 2, 16, 16), torch.rand(1), torch.randn(1, 2, 16, 16)
    with torch.no_grad():
        once, again = (network(x, noise, [condition]) for _ in range(2))
        network.train()
        third, fourth = (network(x, noise, [condition]) for _ in range(2))
    torch.testing.assert_close(once, again)
    assert (third - fourth).abs().max() > 1e-3


def test_a_checkpoint_brings_the_frequencies_back():
    torch.manual_seed(1)
    first, second = awake(), NCSNpp(small(init_scale=1.0)).eval()
    torch.nn.init.normal_(second.embedding.frequencies)
    second.load_state_dict(first.state_dict())
    x, noise, condition = torch.randn(1, 2, 16, 16), torch.rand(1), torch.randn(1, 2, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(first(x, noise, [condition]), second(x, noise, [condition]))


@pytest.mark.parametrize("n_channels", [4, 10, 16, 144, 256, 384])
def test_groups_are_of_equal_size(n_channels):
    norm = NormSwish(n_channels)
    assert norm.num_groups <= 32
    assert n_channels // norm.num_groups >= 4


def test_pixels_that_cannot_be_halved_so_often_are_refused():
    with pytest.raises(ConfigError, match="cannot be halved so often"):
        NCSNpp(small(n_pixels=18, multipliers=(1, 1, 1)))


def test_a_filter_of_three_taps_is_refused():
    with pytest.raises(ConfigError, match="cannot halve"):
        NCSNpp(small(fir_kernel=(1, 2, 1)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 7},
        {"width": 2},
        {"multipliers": ()},
        {"multipliers": (1, 0)},
        {"blocks": 0},
        {"dropout": 1.0},
        {"init_scale": 0.0},
        {"fourier_scale": 0.0},
        {"fir_kernel": (1.0, -1.0)},
        {"n_channels": 0},
        {"n_condition": -1},
        {"kind": "unet"},
    ],
)
def test_settings_outside_their_bounds_are_refused(wrong):
    with pytest.raises(ConfigError, match="cannot be used"):
        parse(NCSNppSettings, wrong, where="network")
