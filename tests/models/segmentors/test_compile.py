"""The demand-driven run is plain enough for torch.compile and torch.export."""

import pytest
import torch

from tiny import build_pair, make_batch, total_loss

CASES = [
    (network, pattern, predict)
    for network in ('danet', 'deeplabv3plus')
    for pattern in (None, 'same', 'multi')
    for predict in ('bottom', 'mean')
]


@pytest.fixture(params=CASES, ids=str)
def model(request):
    network, pattern, predict = request.param
    return build_pair(network, pattern, test_cfg=dict(mode='whole', predict=predict))


def _first(output):
    return output[0] if isinstance(output, tuple) else output


def test_compiles_without_graph_breaks(model):
    torch._dynamo.reset()
    inputs, _ = make_batch()
    compiled = torch.compile(model.eval(), fullgraph=True, backend='eager')
    with torch.no_grad():
        assert torch.equal(_first(compiled(inputs)), _first(model(inputs)))


def test_exports(model):
    inputs, _ = make_batch()
    with torch.no_grad():
        exported = torch.export.export(model.eval(), (inputs,)).module()
        assert torch.equal(_first(exported(inputs)), _first(model(inputs)))


def test_compiled_training_step():
    torch._dynamo.reset()
    model = build_pair('deeplabv3plus', 'multi').train()
    inputs, samples = make_batch()
    torch.manual_seed(1)
    expected = model.loss(inputs, samples)
    torch.manual_seed(1)
    compiled = torch.compile(model, backend='eager')
    losses = compiled(inputs, samples, mode='loss')
    torch.testing.assert_close(total_loss(losses), total_loss(expected))
    total_loss(losses).backward()
    assert all(p.grad is not None for p in model.parameters())
