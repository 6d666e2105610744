"""Frozen networks: read by others, as far as those need them, and never changed."""

import copy
from collections import Counter

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper

from helpers.differing import METAS, SEGFORMER, build_mixed, build_single
from helpers.tiny import build_pair, enliven, fcn_head, make_batch, total_loss

FROZEN_TOP = dict(top=dict(frozen=True), bottom=SEGFORMER)
FROZEN_BOTTOM = dict(top={}, bottom=dict(SEGFORMER, frozen=True))
CROSS = dict(pattern='cross', sites='backbone', connector=dict(start='random'))
SAME = dict(CROSS, pattern='same')

PREPROCESSOR = dict(
    type='SegDataPreProcessor', mean=[128.0] * 3, std=[64.0] * 3, size=(64, 64)
)


def count_calls(model) -> Counter:
    calls: Counter = Counter()

    def counter(name):
        return lambda module, args: calls.update([name])

    for name, module in model.networks.named_modules():
        module.register_forward_pre_hook(counter(name))
    return calls


@pytest.mark.parametrize(
    ('connections', 'networks', 'frozen'),
    [
        (SAME, FROZEN_TOP, 'top'),
        (CROSS, FROZEN_TOP, 'top'),
        (CROSS, FROZEN_BOTTOM, 'bottom'),
        (None, FROZEN_TOP, 'top'),
    ],
)
def test_training_leaves_a_frozen_network_as_it_is(connections, networks, frozen):
    model = build_mixed(connections, networks).train()
    trained = next(name for name in model.networks if name != frozen)
    assert not any(m.training for m in model.networks[frozen].modules())
    assert all(m.training for m in model.networks[trained].modules())
    before = copy.deepcopy(model.state_dict())
    optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1))
    for _ in range(2):
        losses = model.loss(*make_batch())
        assert all(key.startswith(f'{trained}.') for key in losses)
        loss = total_loss(losses)
        optim.backward(loss)
        for name, parameter in model.named_parameters():
            own = name.startswith(f'networks.{frozen}.')
            assert (parameter.grad is None) == own, name
        optim.step()
        optim.zero_grad()
    for key, value in model.state_dict().items():
        if key.startswith(f'networks.{frozen}.'):
            assert torch.equal(value, before[key]), key


def test_a_frozen_network_ends_at_its_last_needed_site_in_training():
    connections = [
        dict(source=f'top.{site}', target=f'bottom.{other}')
        for site, other in (
            ('backbone.layer1', 'backbone.layers.0.2'),
            ('backbone.layer2', 'backbone.layers.1.2'),
        )
    ]
    model = build_mixed(connections, FROZEN_TOP).train()
    calls = count_calls(model)
    total_loss(model.loss(*make_batch())).backward()
    assert calls['top.backbone.layer2'] == 1
    assert calls['top.backbone.layer3'] == calls['top.decode_head'] == 0
    assert calls['bottom.decode_head.fusion_conv'] == 1


def test_without_connections_a_frozen_network_does_not_run_in_training():
    model = build_mixed(None, FROZEN_TOP).train()
    calls = count_calls(model)
    model.loss(*make_batch())
    assert not any(name.startswith('top') for name in calls)


def test_a_frozen_network_that_reads_another_ends_where_it_is_no_longer_read():
    """The last site of bottom is read as bottom has it: nothing is fused there."""
    model = build_mixed(CROSS, FROZEN_BOTTOM).train()
    assert 'BOTTOM_BACKBONE_LAYERS_0_2' in model.plan.connectors
    assert 'BOTTOM_BACKBONE+3' not in model.plan.connectors
    calls = count_calls(model)
    model.loss(*make_batch())
    assert calls['bottom.backbone.layers.2.2'] == 1
    assert calls['bottom.decode_head.fusion_conv'] == 0


def saved_bytes(model, batch) -> int:
    """Tensors that the losses keep for the backward pass."""
    total = 0

    def pack(tensor):
        nonlocal total
        total += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.loss(*batch)
    return total


def test_a_frozen_network_keeps_nothing_for_the_backward_pass():
    batch = make_batch()
    single = build_mixed(None, FROZEN_TOP).train()
    pair = build_mixed(SAME, FROZEN_TOP).train()
    both = build_mixed(SAME).train()
    alone, connected, trained = (saved_bytes(m, batch) for m in (single, pair, both))
    # Beside what the network alone keeps: inputs of the connectors.
    features = sum(
        2 * site.channels * (64 // site.stride) ** 2 * 4
        for name in ('top', 'bottom')
        for site in pair.plan.sites[name].values()
        if site.part == 'backbone'
    )
    weights = sum(p.numel() * 4 for p in pair.plan.parameters())
    assert alone < connected <= alone + 2 * features + weights < trained


@pytest.mark.parametrize('frozen', ['top', 'bottom'])
def test_no_gradient_is_missing_beside_a_parallel_branch(frozen):
    """A feature map that arrives at a frozen network's PAM does not reach its CAM."""
    networks = dict(top={}, bottom={})
    networks[frozen] = dict(frozen=True)
    model = build_pair('danet', 'cross', networks=networks).train()
    total_loss(model.loss(*make_batch())).backward()
    learning = [p for p in model.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in learning)


def test_what_reaches_only_a_parallel_branch_of_a_frozen_network_is_refused():
    connections = [
        dict(source='bottom.backbone.layer1', target='top.decode_head.pam'),
        dict(source='top.decode_head.cam', target='bottom.decode_head.cam'),
    ]
    networks = dict(top=dict(frozen=True), bottom={})
    message = r'connections\[0\]: the connection to top.decode_head.pam trains nothing'
    with pytest.raises(ValueError, match=message):
        build_pair('danet', connections, networks=networks)


def test_what_no_loss_between_networks_reads_is_refused():
    """The head that predicts reads layer2 of the frozen network, not layer4."""
    connection = dict(source='a.backbone.layer3', target='f.backbone.layer4')
    with pytest.raises(ValueError, match='the connection to f.backbone.layer4'):
        build_pair(
            connections=[connection],
            decode_head=fcn_head(16, 1),
            auxiliary_head=fcn_head(64, 3),
            networks=dict(a={}, f=dict(frozen=True), z={}),
            cooperation_losses=[dict(type='DistillLoss', student='z')],
        )


@pytest.mark.parametrize('frozen', ['top', 'bottom'])
def test_networks_that_take_turns_go_on_to_what_losses_read(frozen):
    losses = [dict(type='MutualLoss')]
    networks = {name: dict(frozen=name == frozen) for name in ('top', 'bottom')}
    model = build_pair('danet', CROSS, networks=networks, cooperation_losses=losses)
    found = model.train().loss(*make_batch())
    (between,) = (v for k, v in found.items() if k.startswith('cooperation.'))
    between.backward()
    trained = next(name for name in networks if name != frozen)
    assert model.networks[trained].decode_head.conv_seg.weight.grad is not None


@pytest.mark.parametrize('connections', [SAME, CROSS])
def test_gradients_are_those_with_a_network_that_is_only_left_alone(connections):
    """Oracle: both networks trained, but bottom's loss alone."""
    frozen = build_mixed(connections, FROZEN_TOP).train()
    free = build_mixed(connections).train()
    free.load_state_dict(frozen.state_dict(), strict=False)
    free.networks.top.eval()
    inputs, samples = make_batch()
    losses = {}
    for model in (frozen, free):
        found = model.loss(inputs, samples)
        losses[model] = {k: v for k, v in found.items() if k.startswith('bottom')}
        total_loss(losses[model]).backward()
    for key, value in losses[frozen].items():
        assert torch.equal(value, losses[free][key]), key
    expected = dict(free.named_parameters())
    for name, parameter in frozen.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(parameter.grad, expected[name].grad, msg=name)


def test_a_frozen_network_still_predicts():
    model = build_mixed(SAME, FROZEN_TOP).eval()
    single = build_single('top', model.networks.top.state_dict()).eval()
    inputs, _ = make_batch()
    with torch.no_grad():
        found = model.all_logits(inputs, METAS)
        assert torch.equal(found['top'], single.encode_decode(inputs, METAS))


@pytest.mark.parametrize('detach', [False, True])
def test_what_is_sent_through_a_frozen_network_to_a_trained_one(detach):
    networks = [{}, dict(frozen=True), {}]
    connections = dict(SAME, sites=['backbone.layer2', 'backbone.layer3'])
    model = build_mixed(dict(connections, detach=detach), networks).train()
    total_loss(model.loss(*make_batch())).backward()
    for name, parameter in model.plan.named_parameters():
        # Then nothing trains what the frozen network gets.
        frozen = detach and 'NET2_' in name
        assert (parameter.grad is None) == frozen, name


@torch.no_grad()
@pytest.mark.parametrize('detach', [False, True])
def test_a_trained_pair_that_a_third_network_reads(detach, tmp_path):
    """It sends what it sent alone: what is detached has the same values."""
    pair = enliven(build_pair(connections=SAME, data_preprocessor=PREPROCESSOR))
    init = str(tmp_path / 'pair.pth')
    torch.save(dict(state_dict=pair.state_dict()), init)
    frozen = [dict(name=name, frozen=True, init=init) for name in ('top', 'bottom')]
    model = build_pair(
        connections=dict(SAME, detach=detach), networks=[*frozen, dict(name='student')]
    )
    model.init_weights()
    inputs, _ = make_batch()
    found = model.eval().all_logits(inputs, METAS)
    for name, logits in pair.all_logits(inputs, METAS).items():
        assert torch.equal(found[name], logits) or name == 'mean', name


def test_a_random_connection_that_nothing_trains(tmp_path):
    path = str(tmp_path / 'single.pth')
    torch.save(build_pair().networks.top.state_dict(), path)
    frozen = [dict(name=name, frozen=True, init=path) for name in ('a', 'b')]
    model = build_pair(
        connections=dict(SAME, detach=True), networks=[*frozen, dict(name='student')]
    )
    expected = r"^connections\.connector\.start: found 'random', but nothing trains 'a"
    with pytest.raises(ValueError, match=expected):
        model.init_weights()


def test_a_network_of_a_pair_without_its_connections_is_told(tmp_path, capsys):
    pair = build_pair(connections=SAME, networks=dict(net={}, net_b={}))
    path = str(tmp_path / 'pair.pth')
    torch.save(dict(state_dict=pair.state_dict()), path)
    teacher = {'frozen': True, 'init': dict(checkpoint=path, network='net_b')}
    other = {'init': dict(checkpoint=path, network='net')}
    model = build_pair(
        networks=dict(a=other, teacher=teacher),
        cooperation_losses=[dict(type='DistillLoss', student='a')],
    )
    MMLogger.get_instance(tmp_path.name)
    model.init_weights()
    text = ''.join(capsys.readouterr())
    told = f'networks.teacher.init: {path}: net_b was trained with 4 connections that'
    assert text.count('was trained with') == 1 and told in text
    assert '(plan.connectors.NET_B_BACKBONE_LAYER1, …)' in text


NOBODY = r': the connection to bottom\..* trains nothing: bottom is frozen, and no'


def test_what_nobody_reads_is_not_sent_to_a_frozen_network():
    with pytest.raises(ValueError, match=rf'^connections{NOBODY}'):
        build_mixed(SAME, FROZEN_BOTTOM)
    listed = [dict(source='top.backbone.layer1', target='bottom.backbone.layers.0.2')]
    with pytest.raises(ValueError, match=rf'^connections\[0\]{NOBODY}'):
        build_mixed(listed, FROZEN_BOTTOM)


def test_an_aggregation_for_a_frozen_and_a_trained_network_has_gradients():
    """The frozen network, which needs none, is the first to get what is sent."""
    sites = [f'net1.backbone.layer{i}' for i in (1, 2)]
    targets = [f'{net}.backbone.layer2' for net in ('net2', 'net3')]
    model = build_pair(
        connections=[
            dict(source=sites, target=targets, connector=dict(start='random'))
        ],
        networks=[dict(loss_weight=0.0), dict(frozen=True), {}],
        cooperation_losses=[
            dict(type='DistillLoss', student='net3', teachers=['net2'])
        ],
    ).train()
    total_loss(model.loss(*make_batch())).backward()
    for name, parameter in model.plan.named_parameters():
        assert (parameter.grad is None) != parameter.requires_grad, name
    # The loss of net3 reaches net1 through the connection only.
    gradient = model.networks.net1.backbone.layer1[0].conv1.weight.grad
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize('left', [(), ('net2',)])
def test_connections_of_a_chain_with_a_network_left_out(left, tmp_path, capsys):
    """What ``net3`` is then sent may be another network's than in training."""
    connections = dict(SAME, sites=['backbone.layer2'])
    chain = build_pair(connections=connections, num_networks=3)
    path = str(tmp_path / 'chain.pth')
    torch.save(dict(state_dict=chain.state_dict()), path)
    names = [name for name in chain.networks if name not in left]
    networks = [dict(name=name, init=path) for name in names]
    model = build_pair(connections=connections, networks=networks)
    MMLogger.get_instance(tmp_path.name)
    model.init_weights()
    told = f'networks: {path}: net2 is not taken from this checkpoint'
    assert (told in ''.join(capsys.readouterr())) == bool(left)
