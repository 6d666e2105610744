"""MMSegmentation's DAHead is the oracle."""

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_coop.models.decode_heads import efficient_da_head

from helpers.tiny import HEADS, make_samples, total_loss


def make_heads():
    host = MODELS.build(HEADS['danet'])
    # Attention starts at zero weight, which would hide it.
    host.pam.gamma.scale.data.fill_(0.7)
    efficient = MODELS.build({**HEADS['danet'], 'type': 'EfficientDAHead'})
    efficient.load_state_dict(host.state_dict(), strict=True)
    return host, efficient


@pytest.fixture(params=[2**20, 300, 1], ids=['one-tile', 'tiles', 'one-by-one'])
def heads(request, monkeypatch):
    monkeypatch.setattr(efficient_da_head, 'TILE', request.param)
    return make_heads()


def test_logits(heads):
    inputs = [None, None, None, torch.randn(2, 64, 5, 9)]
    with torch.no_grad():
        for a, b in zip(*(head.eval()(inputs) for head in heads), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_losses_and_gradients(heads):
    samples = make_samples(torch.randint(0, 5, (2, 1, 40, 72)))
    features = [torch.randn(2, 64, 5, 9)] * 2
    losses, inputs = [], []
    for head, feature in zip(heads, features, strict=True):
        feature = feature.clone().requires_grad_()
        torch.manual_seed(1)
        loss = head.train().loss([None, None, None, feature], samples, {})
        total_loss(loss).backward()
        losses.append(loss)
        inputs.append(feature)
    for key, value in losses[0].items():
        torch.testing.assert_close(losses[1][key], value, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-4, atol=1e-6)
    parameters = [dict(head.named_parameters()) for head in heads]
    for name, parameter in parameters[0].items():
        torch.testing.assert_close(
            parameters[1][name].grad, parameter.grad, rtol=1e-4, atol=1e-6, msg=name
        )


class Recorded(torch.Tensor):
    """Stands in for a tensor, as where operations are recorded."""


def test_attention_for_a_gpu_and_in_graphs(monkeypatch):
    """PyTorch's own, whose fused kernels refuse channels that are apart."""
    attend = torch.nn.functional.scaled_dot_product_attention
    calls = []

    def checked(*heads, **options):
        assert all(head.stride(-1) == 1 for head in heads)
        calls.append(heads)
        return attend(*heads, **options)

    monkeypatch.setattr(torch.nn.functional, 'scaled_dot_product_attention', checked)
    host, efficient = make_heads()
    x = torch.randn(2, host.channels, 9, 13)
    found = efficient.pam(x.as_subclass(Recorded)).as_subclass(torch.Tensor)
    torch.testing.assert_close(found, host.pam(x), rtol=1e-5, atol=1e-6)
    assert len(calls) == 1


def test_gradients_in_bfloat16_do_not_suffer_from_many_tiles(monkeypatch):
    # Query, key and value, (N, D, L) each.
    shapes = ((2, 4, 117), (2, 4, 117), (2, 16, 117))
    tokens = [torch.randn(shape).bfloat16().requires_grad_() for shape in shapes]
    exact = [token.detach().float().requires_grad_() for token in tokens]

    def gradients(tokens, tile):
        monkeypatch.setattr(efficient_da_head, 'TILE', tile)
        out = efficient_da_head.TiledAttention.apply(*tokens)
        return torch.autograd.grad(out.float().square().sum(), tokens)

    expected = gradients(exact, 2**20)
    whole, tiled = (
        [
            torch.dist(found, value)
            for found, value in zip(gradients(tokens, tile), expected, strict=True)
        ]
        for tile in (2**20, 20)
    )
    assert all(b < 1.4 * a for a, b in zip(whole, tiled, strict=True))
