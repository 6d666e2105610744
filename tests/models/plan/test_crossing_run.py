"""Networks that read each other: two networks written out by hand are the oracle."""

import threading

import pytest
import torch
from mmseg.models import ResNetV1c
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from torch import nn

from helpers.differing import build_mixed
from helpers.tiny import (
    BACKBONE,
    build_pair,
    build_short_pair,
    fcn_head,
    make_batch,
    total_loss,
)

CROSS = dict(pattern='cross', sites='backbone', connector=dict(start='random'))


@MODELS.register_module()
class HeadInFullPrecision(FCNHead):
    """Switches autocast off inside, as heads do that would overflow."""

    def __init__(self, **options):
        super().__init__(**options)
        # A site inside of the region.
        self.inner = nn.Identity()

    def _forward_feature(self, inputs):
        with torch.autocast('cpu', enabled=False):
            return self.inner(super()._forward_feature([x.float() for x in inputs]))


@MODELS.register_module()
class HalfFrozen(ResNetV1c):
    """Its first stages have no gradients."""

    def forward(self, x):
        with torch.no_grad():
            x = self.layer2(self.layer1(self.maxpool(self.stem(x))))
        return x, (y := self.layer3(x)), self.layer4(y)


def stages(backbone, x):
    """Run a ResNetV1c stage by stage."""
    x = backbone.maxpool(backbone.stem(x))
    for name in backbone.res_layers:
        x = yield getattr(backbone, name)(x)


def by_hand(model, inputs) -> dict[str, torch.Tensor]:
    """Backbones' outputs where every stage gets the other's before fusing."""
    networks = model.networks
    runs = {
        name: stages(network.backbone, inputs) for name, network in networks.items()
    }
    own = {name: next(run) for name, run in runs.items()}
    for i in range(1, 5):
        fused = {}
        for name, other in (('top', 'bottom'), ('bottom', 'top')):
            connector = model.plan.connectors[f'{name.upper()}_BACKBONE_LAYER{i}']
            fused[name] = connector(own[name], own[other])
        if i < 4:
            own = {name: run.send(fused[name]) for name, run in runs.items()}
    return fused


@pytest.mark.parametrize('predict', ['top', 'bottom'])
def test_both_get_what_the_other_had_before_fusing(predict):
    model = build_pair('danet', CROSS, test_cfg=dict(mode='whole', predict=predict))
    inputs, _ = make_batch()
    with torch.no_grad():
        expected = by_hand(model.eval(), inputs)[predict]
        assert torch.equal(model.extract_feat(inputs)[-1], expected)


def test_gradients_are_those_by_hand():
    model = build_pair('danet', CROSS).eval()
    inputs, _ = make_batch()
    total = sum(x.square().sum() for x in by_hand(model, inputs).values())
    parameters = [p for n, p in model.named_parameters() if '_head' not in n]
    expected = torch.autograd.grad(total, parameters)

    def call(name):
        return model.networks[name].extract_feat(inputs)[-1]

    found = model.plan.run(call, ('top', 'bottom'), inputs.shape[2:])
    total = sum(x.square().sum() for x in found.values())
    for a, b in zip(torch.autograd.grad(total, parameters), expected, strict=True):
        torch.testing.assert_close(a, b)


def test_the_last_site_of_the_other_network_is_not_fused():
    model = build_pair('danet', dict(CROSS, sites=['backbone.layer2'])).eval()
    calls = []
    for name, connector in model.plan.connectors.items():
        connector.register_forward_hook(lambda *args, name=name: calls.append(name))
    for network in model.networks.values():
        network.backbone.layer3.register_forward_hook(lambda *args: calls.append(3))
    with torch.no_grad():
        model(make_batch()[0])
    assert calls == ['BOTTOM_BACKBONE_LAYER2', 3]


def test_three_networks():
    model = build_pair('danet', CROSS, num_networks=3).train()
    total_loss(model.loss(*make_batch())).backward()
    assert all(p.grad is not None for p in model.parameters())
    sources = {len(connection.sources) for connection in model.plan.connections}
    assert sources == {2} and len(model.plan.connections) == 12


# Gradient mode and autocast


def test_gradient_mode_belongs_to_each_network():
    """Bottom pauses at a site that it passes without gradients."""
    connections = [
        dict(source='bottom.backbone.layer2', target='top.backbone.layer2'),
        dict(source='top.backbone.layer3', target='bottom.backbone.layer4'),
    ]
    half = dict(BACKBONE, type='HalfFrozen')
    bottom = dict(
        backbone=half,
        decode_head=fcn_head(64, 2),
        auxiliary_head=None,
    )
    model = build_pair('danet', connections, networks=dict(top={}, bottom=bottom))
    assert model.plan.crossing
    modes = {}
    for name, network in model.networks.items():
        for i in range(1, 5):
            network.backbone.get_submodule(f'layer{i}').register_forward_hook(
                lambda *_, key=(name, i): modes.update({key: torch.is_grad_enabled()})
            )
    total_loss(model.train().loss(*make_batch())).backward()
    assert torch.is_grad_enabled()
    quiet = {('bottom', 1), ('bottom', 2)}
    assert modes == {(n, i): (n, i) not in quiet for n, i in modes}
    without = {n.split('.')[3] for n, p in model.named_parameters() if p.grad is None}
    assert without == {'stem', 'layer1', 'layer2'}


@pytest.mark.parametrize('name', ['top', 'bottom'])
def test_autocast_that_is_switched_off_inside_a_head(name):
    head = fcn_head(64, 3, type='HeadInFullPrecision')
    plain = fcn_head(64, 3)
    heads = dict(top=plain, bottom=plain) | {name: head}
    networks = {n: dict(decode_head=h, auxiliary_head=None) for n, h in heads.items()}
    sites = {
        n: [
            'backbone.layer4',
            'decode_head.inner' if n == name else 'decode_head.convs',
        ]
        for n in heads
    }
    connections = dict(CROSS, sites=sites)
    model = build_pair('danet', connections, networks=networks).train()
    kinds = {}
    for n, network in model.networks.items():
        network.decode_head.conv_seg.register_forward_hook(
            lambda module, args, output, n=n: kinds.update({n: output.dtype})
        )
    inputs, samples = make_batch()
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(inputs, samples)
        assert torch.is_autocast_enabled('cpu')
    assert not torch.is_autocast_enabled('cpu')
    # Both classify outside of the region.
    assert set(kinds.values()) == {torch.bfloat16}
    total_loss(losses).backward()
    assert all(p.grad is not None for p in model.parameters())


# Failures


@pytest.mark.parametrize('name', ['top', 'bottom'])
@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt])
def test_an_error_inside_of_one_network_ends_the_run(name, error):
    model = build_mixed(CROSS).train()
    batch = make_batch()
    expected = model.eval().loss(*batch)

    def fail(*args):
        raise error('here')

    handle = model.networks[name].backbone.register_forward_hook(fail)
    with pytest.raises(error, match='here'), torch.autocast('cpu', torch.bfloat16):
        model.loss(*batch)
    assert torch.is_grad_enabled() and not torch.is_autocast_enabled('cpu')
    handle.remove()
    found = model.loss(*batch)
    assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_what_a_network_has_entered_is_left_when_it_is_not_continued():
    model = build_pair('danet', dict(CROSS, sites=['backbone.layer2'])).eval()
    backbone = model.networks.top.backbone
    events = []
    forward = backbone.forward

    def inside(x):
        events.append('entered')
        try:
            return forward(x)
        finally:
            events.append('left')

    backbone.forward = inside
    with torch.no_grad():
        model(make_batch()[0])
    assert events == ['entered', 'left']


@pytest.mark.parametrize('pattern', ['same', 'cross'])
def test_a_second_run_at_the_same_time(pattern):
    model = build_pair('danet', dict(CROSS, pattern=pattern)).eval()
    inputs, _ = make_batch()
    errors = []

    def again():
        try:
            model(inputs)
        except RuntimeError as error:
            errors.append(str(error))

    def inside(*args):
        again()
        thread = threading.Thread(target=again)
        thread.start()
        thread.join()

    handle = model.networks.bottom.backbone.layer3.register_forward_hook(inside)
    with torch.no_grad():
        found = model(inputs)
        handle.remove()
        for a, b in zip(found, model(inputs), strict=True):
            assert torch.equal(a, b)
    assert len(errors) == 2
    assert all('was run while it is running' in error for error in errors)


def test_it_can_not_be_compiled_or_traced():
    model = build_pair('danet', CROSS).eval()
    inputs, _ = make_batch()
    message = "which can't be compiled, traced or exported"
    with pytest.raises(ValueError, match=message), torch.no_grad():
        torch.jit.trace(model, inputs, check_trace=False)
    with pytest.raises(Exception, match=message):
        torch.compile(model, backend='eager', fullgraph=True)(inputs)
    with pytest.raises(Exception, match=message):
        torch.export.export(model, (inputs,))


def test_a_cross_that_needs_one_direction_runs_in_order():
    """Predicting with top needs what bottom has of its own at the one site."""
    model = build_short_pair('danet', dict(CROSS, sites=['backbone.layer1']))
    assert model.plan.crossing
    model.predict_with = 'top'
    inputs, _ = make_batch()
    with torch.no_grad():
        expected = model.eval()(inputs)
        compiled = torch.compile(model, backend='eager', fullgraph=True)(inputs)
    assert all(torch.equal(a, b) for a, b in zip(compiled, expected, strict=True))
