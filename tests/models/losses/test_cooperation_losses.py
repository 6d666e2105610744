"""Losses between networks: their values, and what they cost and leave alone."""

import copy
import math
from functools import partial

import pytest
import torch
from mmengine.model import BaseModule
from mmseg.models.decode_heads import FCNHead
from mmseg.registry import MODELS
from torch import nn
from torch.nn import functional as F

from helpers.differing import METAS, MIXED, SEGFORMER, build_mixed
from helpers.tiny import (
    build_pair,
    fcn_head,
    make_batch,
    make_samples,
    network_config,
    total_loss,
)

CROSS = dict(pattern='cross', sites='backbone', connector=dict(start='random'))
BINARY = dict(num_classes=2, out_channels=1, threshold=0.5)
SIGMOID = dict(type='CrossEntropyLoss', use_sigmoid=True)


def own_logits(network, inputs):
    """Oracle: what the network's head returns when it is run alone."""
    found = network.decode_head(network.extract_feat(inputs))
    return found[0] if isinstance(found, tuple) else found


def kl(target, own):
    """KL between distributions (N, C, H, W), by torch.distributions."""

    def distribution(p):
        return torch.distributions.Categorical(probs=p.permute(0, 2, 3, 1))

    return torch.distributions.kl_divergence(distribution(target), distribution(own))


def probabilities(logits, temperature=1.0):
    logits = logits / temperature
    if logits.shape[1] == 1:
        return torch.cat([1 - logits.sigmoid(), logits.sigmoid()], dim=1)
    return logits.softmax(1)


def resized(x, like):
    return F.interpolate(x, size=like.shape[2:], mode='bilinear')


def labelled(samples, like):
    """Mask of the pixels whose logits count."""
    labels = torch.stack([sample.gt_sem_seg.data for sample in samples]).float()
    return F.interpolate(labels, size=like.shape[2:])[:, 0] != 255


def expected_loss(own, teachers, samples, temperature=1.0, weight=1.0):
    teachers = [resized(x, own).detach() for x in teachers]
    mean = sum(probabilities(x, temperature) for x in teachers) / len(teachers)
    found = kl(mean, probabilities(own, temperature)) * temperature**2 * weight
    return (found * labelled(samples, own)).sum() / found.numel()


def fixed(model):
    """Networks in training mode whose statistics and dropout don't change results."""
    for module in model.train().modules():
        if 'Norm' in type(module).__name__ or 'Drop' in type(module).__name__:
            module.eval()
    return model


def with_losses(*losses, networks=MIXED, connections=None, **changes):
    model = build_mixed(
        connections, networks, cooperation_losses=list(losses), **changes
    )
    return fixed(model)


def test_mutual_learning_of_networks_that_differ_in_size():
    """Zhang et al., Eq. (5) and (7), with a temperature and a weight."""
    model = with_losses(dict(type='MutualLoss', weight=0.5, temperature=3.0))
    inputs, samples = make_batch()
    losses = model.loss(inputs, samples)
    top, bottom = (own_logits(model.networks[n], inputs) for n in ('top', 'bottom'))
    assert top.shape != bottom.shape
    for name, own, other in (
        ('top_bottom', top, bottom),
        ('bottom_top', bottom, top),
    ):
        expected = 0.5 * expected_loss(own, [other], samples, 3.0)
        found = losses[f'cooperation.loss_mutual_{name}']
        assert expected > 1e-4
        torch.testing.assert_close(found, expected)


def test_of_several_others_the_mean_is_taken():
    networks = [{}, SEGFORMER, {}]
    model = with_losses(dict(type='MutualLoss', students=['net1']), networks=networks)
    inputs, samples = make_batch()
    losses = model.loss(inputs, samples)
    logits = [own_logits(model.networks[n], inputs) for n in model.networks]
    found = {k: v for k, v in losses.items() if k.startswith('cooperation')}
    assert list(found) == [f'cooperation.loss_mutual_net1_net{i}' for i in (2, 3)]
    for value, other in zip(found.values(), logits[1:], strict=True):
        expected = expected_loss(logits[0], [other], samples) / 2
        torch.testing.assert_close(value, expected)


@pytest.mark.parametrize('weigh', [False, True])
def test_a_student_of_the_mean(weigh):
    networks = [{}, SEGFORMER, dict(name='student')]
    options = dict(student='student', temperature=2.0, weigh_disagreement=weigh)
    model = with_losses(dict(type='DistillLoss', **options), networks=networks)
    inputs, samples = make_batch()
    found = model.loss(inputs, samples)['cooperation.loss_distill_student']
    one, two, own = (own_logits(n, inputs) for n in model.networks.values())
    weight = 1.0
    if weigh:
        p, q = probabilities(one), probabilities(resized(two, one))
        between = (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2
        weight = 1 + resized(between[:, None], own)[:, 0] / math.log(2)
        assert weight.max() > 1.001
    expected = expected_loss(own, [one, two], samples, 2.0, weight)
    torch.testing.assert_close(found, expected)


def test_binary_heads():
    pair = copy.deepcopy(MIXED)
    pair['bottom']['decode_head'].update(BINARY, loss_decode=SIGMOID)
    head = dict(network_config('danet').decode_head, **BINARY, loss_decode=SIGMOID)
    model = with_losses(
        dict(type='MutualLoss'),
        networks=pair,
        decode_head=dict(head, dropout_ratio=0.0),
        auxiliary_head=None,
    )
    inputs, samples = make_batch()
    for sample in samples:
        label = sample.gt_sem_seg.data
        label[label != 255] %= 2
    losses = model.loss(inputs, samples)
    top, bottom = (own_logits(model.networks[n], inputs) for n in ('top', 'bottom'))
    assert top.shape[1] == 1
    expected = expected_loss(top, [bottom], samples)
    torch.testing.assert_close(losses['cooperation.loss_mutual_top_bottom'], expected)


def test_what_is_ignored_has_no_gradient():
    model = with_losses(dict(type='MutualLoss'))
    inputs, samples = make_batch()
    kept = {}
    head = model.networks.top.decode_head.conv_seg

    def keep(module, args, output):
        output.retain_grad()
        kept['logits'] = output

    head.register_forward_hook(keep)
    model.loss(inputs, samples)['cooperation.loss_mutual_top_bottom'].backward()
    gradient = kept['logits'].grad.abs().sum(1)
    valid = labelled(samples, kept['logits'])
    assert (gradient[valid] > 0).all() and not gradient[~valid].any()
    # Nothing is divided by zero, either.
    empty = make_samples(torch.full((2, 1, 64, 64), 255))
    losses = model.loss(inputs, empty)
    assert losses['cooperation.loss_mutual_top_bottom'] == 0


@pytest.mark.parametrize('connections', [None, CROSS, dict(CROSS, pattern='same')])
def test_networks_losses_stay_as_they_are(connections):
    """To the bit; and no teacher gets a gradient."""
    plain = fixed(build_mixed(connections))
    model = with_losses(
        dict(type='DistillLoss', student='bottom'), connections=connections
    )
    model.load_state_dict(plain.state_dict())
    inputs, samples = make_batch()
    expected = plain.loss(inputs, samples)
    losses = model.loss(inputs, samples)
    between = {k: losses.pop(k) for k in list(losses) if k.startswith('cooperation')}
    assert losses.keys() == expected.keys()
    assert all(torch.equal(losses[k], expected[k]) for k in losses)
    total_loss(between).backward()
    head = model.networks.top.decode_head
    assert all(p.grad is None for p in head.parameters())
    assert model.networks.bottom.decode_head.conv_seg.weight.grad.any()
    if connections:
        # What bottom has made of top's feature maps is bottom's.
        fed = [t for t in model.plan.incoming if t.network == 'bottom']
        modules = [model.plan.connectors[target.identifier] for target in fed]
        assert all(p.grad is not None for m in modules for p in m.parameters())
    with torch.no_grad():
        model.eval(), plain.eval()
        found = model.all_logits(inputs, METAS)
        for name, value in plain.all_logits(inputs, METAS).items():
            assert torch.equal(found[name], value)


def test_a_connected_student_is_taught_by_what_it_predicts_with():
    model = with_losses(dict(type='MutualLoss'), connections=CROSS)
    inputs, samples = make_batch()
    losses = model.loss(inputs, samples)
    kept = model.plan.run(
        lambda name: model.networks[name].encode_decode(inputs, METAS * 2),
        model.plan.loss_sites,
        inputs.shape[2:],
    )
    logits = {ref.network: x for ref, x in kept.items()}
    found = losses['cooperation.loss_mutual_top_bottom']
    expected = expected_loss(logits['top'], [logits['bottom']], samples)
    torch.testing.assert_close(found, expected)
    assert not torch.equal(logits['top'], own_logits(model.networks.top, inputs))


def test_a_weight_that_grows():
    losses = [dict(type='MutualLoss', warmup_iters=4, students=['top'])]
    model = with_losses(*losses)
    batch = make_batch()
    values = []
    for _ in range(6):
        values.append(model.loss(*batch)['cooperation.loss_mutual_top_bottom'])
        model.eval().loss(*batch)
        fixed(model)
    full = values[-1]
    for i, value in enumerate(values):
        torch.testing.assert_close(value, full * min(i / 4, 1))
    # A resumed training goes on with the weight it had.
    other = with_losses(*losses)
    other.load_state_dict(model.state_dict())
    found = other.loss(*batch)['cooperation.loss_mutual_top_bottom']
    torch.testing.assert_close(found, full)


def test_mixed_precision():
    model = with_losses(dict(type='MutualLoss', temperature=2.0))
    batch = make_batch()
    expected = model.loss(*batch)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(*batch)
    for name in ('top_bottom', 'bottom_top'):
        found = losses[f'cooperation.loss_mutual_{name}']
        assert found.dtype == torch.float32
        reference = expected[f'cooperation.loss_mutual_{name}']
        torch.testing.assert_close(found, reference, rtol=0.1, atol=1e-3)


def test_less_memory_gives_the_same():
    model = build_pair(cooperation_losses=[dict(type='MutualLoss')])
    saving = build_pair(with_cp=True, cooperation_losses=[dict(type='MutualLoss')])
    saving.load_state_dict(model.state_dict())
    batch = make_batch()
    losses = [fixed(m).loss(*batch) for m in (model, saving)]
    for name, value in losses[0].items():
        assert torch.equal(losses[1][name], value)
    for found in losses:
        total_loss(found).backward()
    for a, b in zip(model.parameters(), saving.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_losses_of_one_name_are_added():
    entry = dict(type='DistillLoss', student='bottom')
    one = with_losses(entry)
    two = with_losses(entry, dict(entry, temperature=4.0))
    two.load_state_dict(one.state_dict())
    batch = make_batch()
    name = 'cooperation.loss_distill_bottom'
    assert two.loss(*batch)[name] > one.loss(*batch)[name]


class FeatureLoss(BaseModule):
    """Of a module outside of the package: any site can be read."""

    def __init__(self, networks, site, **inferred):
        super().__init__()
        self.reads = tuple((name, site) for name in networks)

    def forward(self, features, labels):
        assert labels.shape == (2, 1, 64, 64)
        a, b = (features[ref] for ref in self.reads)
        return dict(loss_feature=(a - b).square().mean())


def test_a_loss_from_outside_reads_any_site():
    MODELS.register_module(module=FeatureLoss, force=True)
    entry = dict(type='FeatureLoss', site='backbone.layer2')
    model = fixed(build_pair(cooperation_losses=[entry]))
    inputs, samples = make_batch()
    losses = model.loss(inputs, samples)
    a, b = (model.networks[n].backbone(inputs)[1] for n in ('top', 'bottom'))
    expected = (a - b).square().mean()
    torch.testing.assert_close(losses['cooperation.loss_feature'], expected)


@pytest.mark.parametrize('frozen', ['top', 'bottom'])
def test_a_frozen_network_ends_behind_what_a_loss_reads(frozen):
    """The other network reads its last site before fusion, the loss behind it."""
    MODELS.register_module(module=FeatureLoss, force=True)
    model = build_pair(
        connections=dict(CROSS, sites=['backbone.layer2', 'backbone.layer3']),
        cooperation_losses=[dict(type='FeatureLoss', site='backbone.layer3')],
        networks={name: dict(frozen=name == frozen) for name in ('top', 'bottom')},
    )
    inputs, samples = make_batch()
    seen = {}
    for name, network in fixed(model).networks.items():
        hook = partial(lambda name, *args: seen.update({name: args[-1][2]}), name)
        network.backbone.register_forward_hook(hook)
    found = model.loss(inputs, samples)['cooperation.loss_feature']
    model.networks_inference(inputs, METAS * 2, model.plan.networks)
    expected = (seen['top'] - seen['bottom']).square().mean()
    torch.testing.assert_close(found, expected)


MUTUAL, DISTILL = dict(type='MutualLoss'), dict(type='DistillLoss', student='bottom')


@pytest.mark.parametrize(
    ('losses', 'message'),
    [
        (MUTUAL, "cooperation_losses: found {'type': 'MutualLoss'}, expected a list"),
        ([dict(MUTUAL, weight=-1)], r'cooperation_losses\[0\].weight: found -1'),
        ([MUTUAL, dict(DISTILL, temperature=0)], r'losses\[1\].temperature: found 0'),
        ([dict(MUTUAL, warmup_iters=-1)], 'warmup_iters: found -1, expected'),
        ([dict(MUTUAL, warmup_iters=0.5)], 'warmup_iters: found 0.5, expected a whole'),
        (
            [dict(MUTUAL, students=['middle'])],
            r"students: found \['middle'\], exp",
        ),
        (
            [dict(MUTUAL, students=['top'])],
            r"students: found \['top'\], expected a list of some of bottom, each",
        ),
        (
            [dict(MUTUAL, students=['bottom', 'bottom'])],
            r"students: found \['bottom', 'bottom'\], .* each once",
        ),
        (
            [MUTUAL, dict(DISTILL, teachers=['top', 'top'])],
            r"losses\[1\].teachers: found \['top', 'top'\], .* each once",
        ),
        ([dict(DISTILL, student='top')], "student: found 'top', .* trained: bottom"),
        ([dict(DISTILL, teachers=['bottom'])], r"\['bottom'\], .* some of top, each"),
        ([dict(DISTILL, weigh_disagreement=True)], 'teachers: .* at least two'),
        (
            [dict(MUTUAL, ignore_index=0)],
            'ignore_index: found 0, expected no such',
        ),
    ],
)
def test_wrong_options(losses, message):
    networks = dict(top=dict(frozen=True), bottom={})
    with pytest.raises(ValueError, match=message) as error:
        build_mixed(None, networks, cooperation_losses=losses)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('kind', 'message'),
    [
        (nn.ReLU, 'found .*ReLU.*, expected a class that is built with networks'),
        ('Nope', "found 'Nope', expected a class in the registry"),
    ],
)
def test_losses_that_can_not_be_used(kind, message):
    with pytest.raises(ValueError, match=r'cooperation_losses\[0\].type: ' + message):
        build_pair(cooperation_losses=[dict(type=kind)])


class TwiceHead(FCNHead):
    """Classifies twice, and adds."""

    def forward(self, inputs):
        feature = self._forward_feature(inputs)
        return self.cls_seg(feature) + self.cls_seg(-feature)


def test_a_network_without_a_module_that_gives_logits():
    MODELS.register_module(module=TwiceHead, force=True)
    head = fcn_head(64, 3, type='TwiceHead')
    build_pair(decode_head=head)
    with pytest.raises(ValueError) as error:
        build_pair(decode_head=head, cooperation_losses=[MUTUAL])
    text = str(error.value)
    start = "cooperation_losses: networks.top: site 'logits': no module of the Twice"
    assert text.startswith(start) and '\n' not in text


def test_patterns_leave_logits_out_and_lists_connect_them():
    model = build_pair(connections='same', cooperation_losses=[MUTUAL])
    assert 'logits' in model.plan.sites['top'] and 'logits' not in str(model.plan)
    listed = dict(source='top.logits', target='bottom.logits')
    listed['connector'] = dict(start='random')
    model = build_pair(connections=[listed]).eval()
    assert str(model.plan) == 'top.logits -> bottom.logits (late)'
    inputs, _ = make_batch()
    with torch.no_grad():
        top, bottom = (own_logits(n, inputs) for n in model.networks.values())
        expected = model.plan.connectors['BOTTOM_LOGITS'](bottom, top)
        found = model.networks_inference(inputs, METAS, ['bottom'], resized=False)
    torch.testing.assert_close(found[0], expected)
