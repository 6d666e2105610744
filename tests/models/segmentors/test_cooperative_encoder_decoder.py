"""MMSegmentation's EncoderDecoder is the oracle."""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmseg.models import EncoderDecoder
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS

from mmseg_coop.models import CoopConnector, CooperativeEncoderDecoder

from helpers.tiny import (
    AUXILIARY_HEAD,
    as_tuple,
    build_pair,
    make_batch,
    network_config,
    single_like,
    total_loss,
)

NETWORKS = ['danet', 'deeplabv3plus']
OF_THE_PAPER = ['same', 'multi']
# Each network with one of two of something else.
BOTH_IN_TURN = [('danet', 'multi'), ('deeplabv3plus', 'same')]


def random_start(pattern):
    return dict(pattern=pattern, connector=dict(start='random'))


def use_attention(model):
    """DANet's attention starts at zero weight, which would hide it."""
    for name, parameter in model.named_parameters():
        if name.endswith('gamma.scale'):
            parameter.data.fill_(0.5)


def parameters_with_gradient(module):
    return {
        name
        for name, p in module.named_parameters()
        if p.grad is not None and p.grad.any()
    }


@pytest.mark.parametrize('network', NETWORKS)
def test_unconnected_pair_is_two_encoder_decoders(network):
    model = build_pair(network)
    use_attention(model)
    model.train()
    inputs, samples = make_batch()
    state = copy.deepcopy(model.state_dict())

    expected = {}
    torch.manual_seed(1)
    for name in ('top', 'bottom'):
        single = single_like(model, name, network).train()
        # Dropout of both heads draws in the order in which networks run.
        single.decode_head.dropout.p = single.auxiliary_head.dropout.p = 0.0
        model.networks[name].decode_head.dropout.p = 0.0
        model.networks[name].auxiliary_head.dropout.p = 0.0
        losses = single(inputs, samples, mode='loss')
        expected |= {f'{name}.{key}': value for key, value in losses.items()}
        total_loss(losses).backward()
        expected[name] = single
    losses = model(inputs, samples, mode='loss')
    total_loss(losses).backward()

    singles = {name: expected.pop(name) for name in ('top', 'bottom')}
    assert losses.keys() == expected.keys()
    for key in losses:
        assert torch.equal(losses[key], expected[key]), key
    for name, single in singles.items():
        pairs = zip(
            model.networks[name].named_parameters(),
            single.named_parameters(),
            strict=True,
        )
        for (key, found), (_, wanted) in pairs:
            assert torch.equal(found.grad, wanted.grad), key
        trained = model.networks[name].state_dict()
        for key, value in single.state_dict().items():
            assert torch.equal(trained[key], value), key
    assert not torch.equal(
        state['networks.top.backbone.stem.1.running_mean'],
        model.state_dict()['networks.top.backbone.stem.1.running_mean'],
    )


@pytest.mark.parametrize(
    ('network', 'predict'), [('danet', 'bottom'), ('deeplabv3plus', 'top')]
)
def test_unconnected_pair_predicts_as_its_networks(network, predict):
    model = build_pair(network, test_cfg=dict(mode='whole', predict=predict)).eval()
    single = single_like(model, predict, network).eval()
    inputs, samples = make_batch()
    with torch.no_grad():
        found = model(inputs, copy.deepcopy(samples), mode='predict')
        expected = single(inputs, copy.deepcopy(samples), mode='predict')
        assert all(
            torch.equal(a, b)
            for a, b in zip(
                as_tuple(model(inputs)), as_tuple(single(inputs)), strict=True
            )
        )
        features = zip(
            model.extract_feat(inputs), single.extract_feat(inputs), strict=True
        )
        assert all(torch.equal(a, b) for a, b in features)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a.seg_logits.data, b.seg_logits.data)
        assert torch.equal(a.pred_sem_seg.data, b.pred_sem_seg.data)


@pytest.mark.parametrize('pattern', OF_THE_PAPER)
@pytest.mark.parametrize('network', NETWORKS)
def test_identity_start_is_the_ensemble(network, pattern):
    model = build_pair(network, pattern)
    ensemble = build_pair(network)
    ensemble.networks.load_state_dict(model.networks.state_dict())
    inputs, samples = make_batch()
    use_attention(model)
    use_attention(ensemble)
    losses = []
    for m in (model, ensemble):
        torch.manual_seed(1)
        losses.append(m.train().loss(inputs, samples))
    assert losses[0].keys() == losses[1].keys()
    for key in losses[0]:
        assert torch.equal(losses[0][key], losses[1][key]), key
    model.predict_with = 'mean'
    with torch.no_grad():
        found = model.eval()(inputs, mode='predict')
        expected = ensemble.eval()(inputs, mode='predict')
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a.seg_logits.data, b.seg_logits.data)


def test_total_loss_is_loss1_plus_loss2():
    """Eq. (1) of the paper."""
    model = build_pair('danet', 'same').train()
    losses = model.loss(*make_batch())
    total, logged = model.parse_losses(losses)
    loss1, loss2 = (
        sum(v for k, v in losses.items() if 'loss' in k and k.startswith(name))
        for name in ('top.', 'bottom.')
    )
    torch.testing.assert_close(total, loss1 + loss2)
    assert {'loss', 'top.decode.pam_cam.loss_ce', 'bottom.aux.loss_ce'} <= set(logged)


def test_loss_weights():
    inputs, samples = make_batch()
    plain = build_pair()
    weighted = build_pair(loss_weights=[1.0, 0.25])
    weighted.load_state_dict(plain.state_dict())
    torch.manual_seed(1)
    expected = plain.train().loss(inputs, samples)
    torch.manual_seed(1)
    found = weighted.train().loss(inputs, samples)
    for key, value in expected.items():
        weight = 0.25 if 'loss' in key and key.startswith('bottom') else 1.0
        torch.testing.assert_close(found[key], value * weight)


class ListedHead(FCNHead):
    """A head that gives a list of losses, which MMEngine takes as well."""

    def loss_by_feat(self, *args, **kwargs):
        losses = super().loss_by_feat(*args, **kwargs)
        return {**losses, 'loss_ce': [losses['loss_ce']] * 2}


@pytest.mark.parametrize('weight', [1.0, 0.25])
def test_lists_of_losses(weight):
    MODELS.register_module(module=ListedHead, force=True)
    head = dict(AUXILIARY_HEAD, type='ListedHead')
    model = build_pair(auxiliary_head=head, loss_weights=[weight, 1.0])
    other = build_pair(loss_weights=[weight, 1.0])
    other.load_state_dict(model.state_dict())
    batch = make_batch()
    torch.manual_seed(1)
    found = model.loss(*batch)['top.aux.loss_ce']
    torch.manual_seed(1)
    expected = other.loss(*batch)['top.aux.loss_ce']
    assert isinstance(found, list)
    torch.testing.assert_close(torch.stack(found), expected.expand(2))


@pytest.mark.parametrize('pattern', ['multi', 'dense'])
def test_feature_maps_for_which_another_head_is_needed(pattern):
    """The backbone of bottom reads the head of top."""
    model = build_pair('deeplabv3plus', random_start(pattern)).eval()
    inputs, _ = make_batch()
    with torch.no_grad():
        found = model.extract_feat(inputs)[-1]
        seen = []
        backbone = model.networks.bottom.backbone
        backbone.register_forward_hook(lambda *args: seen.append(args[-1][-1]))
        model(inputs)
    assert torch.equal(found, *seen)


@pytest.mark.parametrize(('network', 'pattern'), BOTH_IN_TURN)
@pytest.mark.parametrize('detach', [False, True])
def test_loss2_reaches_top_unless_detached(network, pattern, detach):
    connections = random_start(pattern)
    connections['detach'] = detach
    model = build_pair(network, connections).train()
    losses = model.loss(*make_batch())
    loss2 = total_loss({k: v for k, v in losses.items() if k.startswith('bottom')})
    loss2.backward()
    assert parameters_with_gradient(model.networks.bottom)
    assert parameters_with_gradient(model.plan.connectors)
    assert bool(parameters_with_gradient(model.networks.top)) != detach
    if pattern == 'multi':
        assert parameters_with_gradient(model.plan.aggregations)


@pytest.mark.parametrize(('network', 'pattern'), BOTH_IN_TURN)
def test_loss1_never_reaches_bottom(network, pattern):
    model = build_pair(network, random_start(pattern)).train()
    losses = model.loss(*make_batch())
    loss1 = total_loss({k: v for k, v in losses.items() if k.startswith('top')})
    loss1.backward()
    for module in (model.networks.bottom, model.plan):
        assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize(
    ('network', 'pattern', 'connector'),
    [
        ('danet', 'multi', 'CoopConnector'),
        ('danet', 'same', 'GateConnector'),
        ('deeplabv3plus', 'same', 'CoopConnector'),
        ('deeplabv3plus', 'multi', 'SumConnector'),
    ],
)
def test_every_parameter_has_a_gradient_after_one_step(network, pattern, connector):
    connections = dict(pattern=pattern, connector=dict(type=connector))
    model = build_pair(network, connections).train()
    model.init_weights()
    optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
    for _ in range(2):
        inputs, samples = make_batch()
        loss, _logged = model.parse_losses(model.loss(inputs, samples))
        optim.backward(loss)
        missing = [n for n, p in model.named_parameters() if p.grad is None]
        assert missing == []
        found = parameters_with_gradient(model)
        optim.step()
        optim.zero_grad()
    # Attention starts at zero weight: its convolutions learn from the second step.
    assert {n for n, _ in model.named_parameters()} - found == set()


def test_networks_differ_but_share_the_pretrained_backbone(tmp_path):
    single = MODELS.build(network_config('danet'))
    path = str(tmp_path / 'backbone.pth')
    torch.save(single.backbone.state_dict(), path)
    config = network_config('danet', type='CooperativeEncoderDecoder')
    config['backbone']['init_cfg'] = dict(type='Pretrained', checkpoint=path)
    model = MODELS.build(config)
    model.init_weights()
    top, bottom = model.networks.top, model.networks.bottom
    assert torch.equal(
        top.backbone.layer1[0].conv1.weight, single.backbone.layer1[0].conv1.weight
    )
    for (name, a), b in zip(
        top.backbone.named_parameters(), bottom.backbone.parameters(), strict=True
    ):
        assert torch.equal(a, b), name
    for name in (
        'decode_head.conv_seg',
        'decode_head.pam_in_conv.conv',
        'auxiliary_head.conv_seg',
    ):
        a, b = (m.get_submodule(name).weight for m in (top, bottom))
        assert not torch.allclose(a, b), name


def test_without_pretraining_all_random_parts_differ():
    model = build_pair('deeplabv3plus', 'same')
    model.init_weights()
    top = dict(model.networks.top.named_parameters())
    for name, b in model.networks.bottom.named_parameters():
        if b.dim() > 1:
            assert not torch.allclose(top[name], b), name
    connector = model.plan.connectors['BOTTOM_BACKBONE_LAYER1']
    assert isinstance(connector, CoopConnector)
    assert torch.equal(connector.own.weight.squeeze(), torch.eye(8))


def test_it_is_an_encoder_decoder():
    model = build_pair()
    assert isinstance(model, EncoderDecoder)
    assert isinstance(model, CooperativeEncoderDecoder)
    for network in model.networks.values():
        assert type(network) is EncoderDecoder
    assert not model.with_auxiliary_head and model.with_decode_head


@pytest.mark.parametrize('pattern', OF_THE_PAPER)
def test_state_dict_and_copies(pattern):
    model = build_pair('danet', random_start(pattern)).eval()
    other = build_pair('danet', random_start(pattern)).eval()
    other.load_state_dict(model.state_dict(), strict=True)
    inputs, _ = make_batch()
    with torch.no_grad():
        expected = model(inputs)
        for copied in (other, copy.deepcopy(model)):
            for a, b in zip(expected, copied(inputs), strict=True):
                assert torch.equal(a, b)


@pytest.mark.parametrize(('sites', 'said'), [('decode_head', 1), ('backbone', 0)])
def test_a_pair_without_connections_inside_its_backbones_says_so(sites, said, logged):
    build_pair('danet', connections=dict(pattern='same', sites=sites))
    notes = [line for line in logged if 'inside of a backbone' in line]
    assert len(notes) == said
