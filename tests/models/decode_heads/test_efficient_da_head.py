"""MMSegmentation's DAHead is the oracle."""

import pytest
import torch
from mmseg.registry import MODELS

from mmseg_coop.models.decode_heads import efficient_da_head

from tiny import HEADS, make_samples, total_loss


@pytest.fixture(params=[2**20, 300, 1], ids=['one-piece', 'pieces', 'row-by-row'])
def heads(request, monkeypatch):
    monkeypatch.setattr(efficient_da_head, '_STRIP', request.param)
    monkeypatch.setattr(efficient_da_head, '_TILE', request.param)
    host = MODELS.build(HEADS['danet'])
    # Attention starts at zero weight, which would hide it.
    host.pam.gamma.scale.data.fill_(0.7)
    efficient = MODELS.build({**HEADS['danet'], 'type': 'EfficientDAHead'})
    efficient.load_state_dict(host.state_dict(), strict=True)
    return host, efficient


def test_logits(heads):
    inputs = [None, None, None, torch.randn(2, 64, 9, 13)]
    with torch.no_grad():
        for a, b in zip(*(head.eval()(inputs) for head in heads), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_losses_and_gradients(heads):
    samples = make_samples(torch.randint(0, 5, (2, 1, 72, 104)))
    features = [torch.randn(2, 64, 9, 13)] * 2
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
