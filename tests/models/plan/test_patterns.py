"""The contract of every pattern; MMSegmentation's networks are the oracle."""

import copy
import pickle

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import OptimWrapper

from mmseg_coop.models.plan import PATTERNS

from helpers.differing import METAS, build_mixed, build_single, on_backbones
from helpers.tiny import build_short_pair, fcn_head, make_batch, total_loss

# A new pattern is tested by being registered.
NAMES = sorted(PATTERNS.module_dict)


@pytest.mark.parametrize('pattern', [None, *NAMES])
def test_the_start_is_that_of_the_networks_alone(pattern):
    """Losses, predictions and gradients of MMSegmentation's own, to the bit."""
    model = build_mixed(pattern and on_backbones(pattern)).train()
    inputs, samples = make_batch()
    singles = {
        name: build_single(name, network.state_dict()).train()
        for name, network in model.networks.items()
    }
    losses = model.loss(inputs, samples)
    total_loss(losses).backward()
    for name, single in singles.items():
        expected = single.loss(inputs, samples)
        assert {f'{name}.{key}' for key in expected} <= losses.keys()
        for key, value in expected.items():
            assert torch.equal(losses[f'{name}.{key}'], value), key
        total_loss(expected).backward()
        own = dict(model.networks[name].named_parameters())
        for key, parameter in single.named_parameters():
            if pattern is None:
                assert torch.equal(own[key].grad, parameter.grad), key
            else:
                # Convolutions beside the identity round differently.
                torch.testing.assert_close(own[key].grad, parameter.grad)
    assert all(p.grad is not None for p in model.parameters())
    with torch.no_grad():
        found = model.eval().all_logits(inputs, METAS)
        for name, single in singles.items():
            expected = single.eval().encode_decode(inputs, METAS)
            assert torch.equal(found[name], expected)


@pytest.mark.parametrize('pattern', NAMES)
def test_copies(pattern):
    connections = on_backbones(pattern, connector=dict(start='random'))
    model = build_mixed(connections).eval()
    inputs, samples = make_batch()
    with torch.no_grad():
        expected = model.all_logits(inputs, METAS)
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    copies.append(build_mixed(connections).eval())
    copies[-1].load_state_dict(model.state_dict())
    for copied in copies:
        with torch.no_grad():
            found = copied.all_logits(inputs, METAS)
        assert all(torch.equal(found[name], expected[name]) for name in expected)
        # It trains by itself, and leaves the others alone.
        total_loss(copied.train().loss(inputs, samples)).backward()
    assert all(p.grad is None for p in model.parameters())
    alone = copy.deepcopy(model.networks.bottom)
    single = build_single('bottom', model.networks.bottom.state_dict()).eval()
    with torch.no_grad():
        assert torch.equal(
            alone.encode_decode(inputs, METAS), single.encode_decode(inputs, METAS)
        )


@pytest.mark.parametrize('pattern', NAMES)
def test_averaged_weights(pattern):
    model = build_mixed(on_backbones(pattern)).eval()
    average = ExponentialMovingAverage(model, momentum=0.25)
    weights = copy.deepcopy(model.state_dict())
    average.update_parameters(model)
    for parameter in model.parameters():
        parameter.data.add_(0.01)
    average.update_parameters(model)
    for key, parameter in average.module.named_parameters():
        torch.testing.assert_close(parameter, weights[key] + 0.0025)
    inputs, _ = make_batch()
    other = build_mixed(on_backbones(pattern)).eval()
    other.load_state_dict(average.module.state_dict())
    with torch.no_grad():
        found = average.module.eval().inference(inputs, METAS)
        expected = other.inference(inputs, METAS)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('pattern', NAMES)
def test_gradients_with_recomputed_activations(pattern):
    connections = on_backbones(pattern, connector=dict(start='random'))
    plain, recomputed = (build_mixed(connections, with_cp=x) for x in (False, True))
    recomputed.load_state_dict(plain.state_dict())
    inputs, samples = make_batch()
    for model in (plain, recomputed):
        total_loss(model.train().loss(inputs, samples)).backward()
    gradients = {n: p.grad for n, p in plain.named_parameters()}
    for name, parameter in recomputed.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], msg=name)
    for (name, a), b in zip(plain.named_buffers(), recomputed.buffers(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize('pattern', NAMES)
def test_training_in_bfloat16(pattern):
    model = build_mixed(on_backbones(pattern)).train()
    optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
    inputs, samples = make_batch()
    singles = {
        name: build_single(name, network.state_dict()).train()
        for name, network in model.networks.items()
    }
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(inputs, samples)
        for name, single in singles.items():
            for key, value in single.loss(inputs, samples).items():
                assert torch.equal(losses[f'{name}.{key}'], value), key
    optim.update_params(total_loss(losses))
    assert all(torch.isfinite(p).all() for p in model.parameters())


@pytest.mark.parametrize('pattern', NAMES)
def test_exports_unless_networks_take_turns(pattern):
    connections = on_backbones(pattern, connector=dict(start='random'))
    heads = dict(decode_head=fcn_head(16, 1), auxiliary_head=None)
    model = build_short_pair(connections=connections, **heads).eval()
    inputs, _ = make_batch()
    if model.plan.crossing:
        with pytest.raises(Exception, match='networks read each other'):
            torch.export.export(model, (inputs,))
        return
    with torch.no_grad():
        found = torch.export.export(model, (inputs,)).module()(inputs)
        torch.testing.assert_close(found, model(inputs))
