"""A trained pair, frozen: where it comes from, and what it teaches."""

import copy

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from helpers.differing import METAS, SEGFORMER, build_mixed
from helpers.tiny import make_batch, total_loss

RANDOM = dict(start='random')
SAME = dict(pattern='same', connector=RANDOM)
MULTI = dict(SAME, pattern='multi')
DISTILL = dict(type='DistillLoss', student='student')


def alike(connections, **changes):
    return build_mixed(connections, None, **changes)


def save(model, folder) -> str:
    path = str(folder / 'pair.pth')
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return path


def taught(connections, inits, student=None, **changes):
    networks = [
        dict(name=name, frozen=True, init=init) for name, init in inits.items()
    ] + [dict(name='student', **copy.deepcopy(student or {}))]
    among = dict(connections, among=list(inits)) if connections else None
    return build_mixed(
        among,
        networks,
        cooperation_losses=[DISTILL],
        test_cfg=dict(mode='whole', predict='student'),
        **changes,
    )


@torch.no_grad()
def predict(model, names, inputs):
    return model.eval().networks_inference(inputs, METAS, names)


@pytest.mark.parametrize('connections', [None, SAME, MULTI, dict(SAME, dropout=0.5)])
def test_the_pair_predicts_and_teaches_as_it_was(connections, tmp_path):
    pair = alike(connections)
    path = save(pair, tmp_path)
    model = taught(connections, dict(top=path, bottom=path), SEGFORMER)
    model.init_weights()
    inputs, samples = make_batch()
    found = predict(model, ['top', 'bottom'], inputs)
    expected = predict(pair, ['top', 'bottom'], inputs)
    assert all(map(torch.equal, found, expected))

    # In training, too: nothing is dropped, and nothing of it changes.
    before = copy.deepcopy(model.state_dict())
    model.train()
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    assert names and all(name.startswith('networks.student.') for name in names)
    assert not any(c.training for c in model.plan.connectors.values())
    optim = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    losses = model.loss(inputs, samples)
    assert losses['cooperation.loss_distill_student'] > 0
    total_loss(losses).backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == (name in names), name
    optim.step()
    for key, value in model.state_dict().items():
        if not key.startswith('networks.student.'):
            assert torch.equal(value, before[key]), key


def test_predicting_with_the_student_runs_nothing_else(tmp_path):
    path = save(alike(SAME), tmp_path)
    model = taught(SAME, dict(top=path, bottom=path))
    ran = []
    for name, network in model.networks.items():
        network.backbone.register_forward_hook(lambda *_, name=name: ran.append(name))
    model.eval().encode_decode(make_batch()[0], METAS)
    assert ran == ['student']


def test_networks_of_a_pair_under_other_names(tmp_path):
    pair = alike(MULTI)
    path = save(pair, tmp_path)
    inits = {
        'first': dict(checkpoint=path, network='top'),
        'second': dict(checkpoint=path, network='bottom'),
    }
    model = taught(MULTI, inits)
    model.init_weights()
    inputs, _ = make_batch()
    found = predict(model, ['first', 'second'], inputs)
    assert all(map(torch.equal, found, predict(pair, ['top', 'bottom'], inputs)))


def test_a_trained_pair_goes_on_with_its_connections(tmp_path):
    """Without being frozen; a network that is new starts as ever."""
    pair = alike(SAME)
    path = save(pair, tmp_path)
    model = build_mixed(
        SAME, [dict(name='top', init=path), dict(name='bottom', init=path), {}]
    )
    model.init_weights()
    found = model.state_dict()
    for key, value in pair.state_dict().items():
        assert torch.equal(value, found[key]), key
    assert all(p.requires_grad for p in model.parameters())


_STAGES = [f'backbone.layer{i}' for i in (1, 2)]


@pytest.mark.parametrize(
    'connections',
    [
        # It is called after the first target, which is another one here.
        [
            dict(
                source=[f'top.{site}' for site in _STAGES],
                target=[f'bottom.{site}' for site in reversed(_STAGES)],
            )
        ],
        dict(pattern='same'),
    ],
)
def test_connectors_stay_without_their_aggregation(connections, tmp_path, logged):
    path = save(alike(MULTI), tmp_path)
    networks = [dict(name='top', init=path), dict(name='bottom', init=path)]
    model, plain = (build_mixed(x, networks) for x in (connections, None))
    for one in (model, plain):
        one.init_weights()
    assert any('bottom was trained with ' in text for text in logged)
    inputs, _ = make_batch()
    found, expected = (predict(m, ['top', 'bottom'], inputs) for m in (model, plain))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@MODELS.register_module()
class AddedConnector(nn.Module):
    """A user's connector, without parameters."""

    def __init__(self, channels, source_channels, align_corners):
        super().__init__()

    def forward(self, own, arriving):
        return own + arriving.mean(1, keepdim=True)


def test_connectors_without_parameters_have_nothing_to_load(tmp_path):
    added = dict(pattern='same', connector=dict(type='AddedConnector'))
    pair = alike(added)
    path = save(pair, tmp_path)
    model = taught(added, dict(top=path, bottom=path))
    model.init_weights()
    inputs, _ = make_batch()
    found, expected = (predict(m, ['top', 'bottom'], inputs) for m in (model, pair))
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize(
    ('init', 'message'),
    [
        (
            dict(network='middle'),
            'networks.top.init: .* has the networks top, bottom',
        ),
        (None, r'networks.top.init: there is no file .*nowhere'),
        (dict(partial='no'), "networks.top.init.partial: found 'no', expected True or"),
        (dict(partial=3, foo=1), 'networks.top.init: found .*foo.* network=... names'),
    ],
)
def test_wrong_inits(init, message, tmp_path):
    path = save(alike(SAME), tmp_path)
    top = dict(checkpoint=path, **init) if init else f'{path}nowhere'
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        taught(SAME, dict(top=top, bottom=path)).init_weights()
    assert '\n' not in str(error.value)


def test_connections_that_the_checkpoint_does_not_have(tmp_path):
    path = save(alike(None), tmp_path)
    with pytest.raises(ValueError) as error:
        taught(SAME, dict(top=path, bottom=path)).init_weights()
    text = str(error.value)
    start = f'networks.bottom.init: {path}: has no plan.connectors.BOTTOM_'
    assert text.startswith(start) and 'leave the connection out' in text
    # Of one network.
    single = alike(None).networks.top
    torch.save(single.state_dict(), path)
    inits = dict(top=dict(checkpoint=path, network='top'), bottom=path)
    with pytest.raises(ValueError, match='has only one network, and not top'):
        taught(None, inits).init_weights()


@pytest.mark.parametrize('among', [['top'], ['top', 'middle'], ['top', 'top'], 'top'])
def test_wrong_networks_of_a_pattern(among):
    with pytest.raises(ValueError, match='connections.among'):
        alike(dict(SAME, among=among))
