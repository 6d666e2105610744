"""Sites of the paper's networks, and how they are read and replaced."""

import copy

import pytest
import torch
from mmcv.cnn.utils import fuse_conv_bn
from mmengine.model import BaseModule
from mmseg.models.decode_heads import DAHead, FCNHead
from mmseg.registry import MODELS
from torch import nn

from mmseg_coop.models.sites import (
    Address,
    NamedSite,
    Site,
    VisitorSlot,
    attach,
    find_sites,
    register_site_rule,
)

from helpers.tiny import BACKBONE, build_pair, fcn_head, make_batch, network_config

IMAGE = (3, 64, 96)
STAGES = [f'backbone.layer{i}' for i in (1, 2, 3, 4)]


def build(network: str = 'danet', **changes):
    return MODELS.build(network_config(network, **changes))


def test_sites_of_the_two_networks_of_the_paper():
    danet = find_sites(build('danet'), IMAGE)
    assert list(danet) == [*STAGES, 'decode_head.pam', 'decode_head.cam']
    assert [s.stream for s in danet.values()] == ['trunk'] * 4 + ['pam', 'cam']
    assert [s.channels for s in danet.values()] == [8, 16, 32, 64, 16, 16]
    assert [s.stride for s in danet.values()] == [4, 8, 8, 8, 8, 8]
    assert [s.deep for s in danet.values()] == [True] * 3 + [False] + [True] * 2
    deeplab = find_sites(build('deeplabv3plus'), IMAGE)
    assert list(deeplab) == [*STAGES, 'decode_head.aspp', 'decode_head.decoder']
    assert {s.stream for s in deeplab.values()} == {'trunk'}
    assert [s.stride for s in deeplab.values()] == [4, 8, 8, 8, 8, 4]
    for site in (*danet.values(), *deeplab.values()):
        assert site.layout == 'NCHW' and site.used and not site.overwritten


def test_a_dry_run_leaves_the_network_as_it_is():
    network = build().train()
    before = copy.deepcopy(network.state_dict())
    modes = [m.training for m in network.modules()]
    random = torch.get_rng_state()
    find_sites(network, IMAGE)
    assert torch.equal(random, torch.get_rng_state())
    assert [m.training for m in network.modules()] == modes
    assert not any(m._forward_hooks for m in network.modules())
    for name, value in network.state_dict().items():
        assert value.device.type == 'cpu' and torch.equal(value, before[name])


@MODELS.register_module()
class OneSizeNet(BaseModule):
    """A backbone that takes images of one size, which only the config tells."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.position = nn.Parameter(torch.zeros(1, 8, 4, 6))
        self.last = nn.Conv2d(8, 8, 1)

    def forward(self, x):
        return (self.last(self.stem(x) + self.position),)


def test_the_size_of_the_preprocessor_is_that_of_the_dry_run():
    model = build_pair(
        backbone=dict(type='OneSizeNet'),
        decode_head=fcn_head(8, 0),
        auxiliary_head=None,
        data_preprocessor=dict(type='SegDataPreProcessor', size=(16, 24)),
        connections='same',
    )
    assert 'backbone.last' in model.plan.sites['top']


def test_a_head_that_overrides_forward_keeps_its_sites():
    class OtherHead(DAHead):
        def forward(self, inputs):
            return tuple(x * 2 for x in super().forward(inputs))

    head = dict(network_config('danet').decode_head, type=OtherHead)
    assert 'decode_head.pam' in find_sites(build(decode_head=head), IMAGE)


@MODELS.register_module()
class BiasedNet(BaseModule):
    """A backbone whose convolution has a bias before its norm."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 3, stride=8, padding=1)
        self.norm = nn.BatchNorm2d(64)
        self.last = nn.Conv2d(64, 64, 1)

    def forward(self, x):
        return (self.last(self.norm(self.conv(x)).relu()),)


@pytest.mark.parametrize(
    ('site', 'changes'),
    [
        ('backbone.layer2.0.conv1', {}),
        (
            'backbone.conv',
            dict(
                backbone=dict(type='BiasedNet'),
                decode_head=fcn_head(64, 0),
                auxiliary_head=None,
            ),
        ),
    ],
)
def test_a_convolution_that_was_fused_with_its_norm_is_named(site, changes):
    connection = dict(source=f'top.{site}', target=f'bottom.{site}')
    pair = build_pair('deeplabv3plus', [connection], **changes).eval()
    images = torch.randn(1, 3, 64, 64)
    pair(images)
    copy.deepcopy(pair)(images)
    fused = fuse_conv_bn(copy.deepcopy(pair))
    with pytest.raises(ValueError, match=f'site {site}: its convolution was fused'):
        fused(images)


def test_four_channel_images():
    network = build(backbone=dict(BACKBONE, in_channels=4))
    assert find_sites(network, (4, 64, 64))['backbone.layer4'].channels == 64


def test_any_other_head_has_the_feature_map_that_it_classifies():
    sites = find_sites(build(decode_head=fcn_head(64, 3)), IMAGE)
    assert str(sites['decode_head.feature'].address) == 'decode_head.dropout:in'
    sites = find_sites(build(decode_head=fcn_head(64, 3, dropout_ratio=0)), IMAGE)
    assert str(sites['decode_head.feature'].address) == 'decode_head.conv_seg:in'


def network_with_rule(found):
    """A network whose head has a rule that returns ``found``."""

    class OwnHead(FCNHead):
        def cls_seg(self, feature):
            return super().cls_seg(self.twice(self.twice(feature)))

    register_site_rule(OwnHead)(lambda head: found)
    network = build(decode_head=fcn_head(64, 3, type=OwnHead))
    network.decode_head.twice = nn.ReLU()
    network.decode_head.never = nn.ReLU()
    return network


@pytest.mark.parametrize('wanted', [(), ('decode_head.own',)])
@pytest.mark.parametrize(
    ('address', 'message'),
    [
        ('covns.0', "decode_head.covns.0' is no module of the network"),
        ('convs.0:last', "decode_head.convs.0:last': expected a module's path"),
        ('convs.0:3', "decode_head.convs.0:3' has no feature map"),
        ('twice', "decode_head.twice' is called 2 times"),
        ('never', "decode_head.never' is called 0 times in training"),
    ],
)
def test_a_site_rule_that_names_what_can_not_be_a_site(address, wanted, message):
    network = network_with_rule([NamedSite('own', address)])
    with pytest.raises(ValueError, match=f"^site '{message}"):
        find_sites(network, IMAGE, wanted)


@pytest.mark.parametrize('other', ['never', 'twice', 'extra'])
def test_a_site_rule_with_an_address_for_other_heads(other):
    found = [NamedSite('own', other), NamedSite('own', 'convs.0')]
    sites = find_sites(network_with_rule(found), IMAGE)
    assert str(sites['decode_head.own'].address) == 'decode_head.convs.0'


def test_wanted_sites():
    names = ['backbone.layer2.0', 'backbone.maxpool', 'decode_head.conv_seg:in']
    head = fcn_head(64, 3)
    sites = find_sites(build(decode_head=head), IMAGE, names)
    assert set(names) < set(sites)
    order = list(sites)
    assert order.index('backbone.maxpool') < order.index('backbone.layer1')
    assert sites['backbone.layer2.0'].channels == 16


@pytest.mark.parametrize(
    ('name', 'changes', 'message'),
    [
        (
            'backbone.layer9',
            {},
            'is no module of the network; did you mean backbone.lay',
        ),
        ('backbone.layer1:last', {}, "expected a module's path"),
        ('backbone.layer1.0.relu', {}, 'is called 2 times in training'),
        ('auxiliary_head.conv_seg', {}, 'is called 0 times in prediction'),
        ('decode_head.cam:in', {}, None),
        ('backbone.layer1:1', {}, 'has no feature map'),
        (
            'backbone.layer1.0.conv1',
            dict(backbone=dict(BACKBONE, with_cp=True)),
            r'is inside a region that is computed again in the backward pass',
        ),
        ('backbone.layer1.0', dict(backbone=dict(BACKBONE, with_cp=True)), None),
    ],
)
def test_what_can_not_be_a_site(name, changes, message):
    network = build(**changes)
    if message is None:
        assert name in find_sites(network, IMAGE, [name])
        return
    with pytest.raises(ValueError, match=message) as error:
        find_sites(network, IMAGE, [name])
    assert name in str(error.value)


@pytest.mark.parametrize(
    'text', ['backbone.layer1', 'backbone:3', 'backbone:0.1', 'decode_head.dropout:in']
)
def test_addresses_read_as_they_are_written(text):
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize('layout', ['NCHW', 'NHWC', 'NLC', 'NLC with a class token'])
def test_layouts(layout):
    extra = int('class' in layout)
    site = Site('x', Address('x'), 'trunk', 4, 8, layout.split()[0], extra)
    image = torch.arange(2 * 4 * 3 * 5.0).view(2, 4, 3, 5)
    own = {
        'NCHW': image,
        'NHWC': image.permute(0, 2, 3, 1),
        'NLC': image.flatten(2).transpose(1, 2),
    }[site.layout]
    if extra:
        own = torch.cat([torch.full((2, 1, 4), -1.0), own], dim=1)
    # The last row of pixels is cut by the image's border.
    found = site.to_map(own, (23, 40))
    assert torch.equal(found, image)
    assert torch.equal(site.from_map(found, own), own)


def test_tokens_of_another_grid_are_named():
    site = Site('backbone.x', Address('x'), 'trunk', 4, 8, 'NLC')
    with pytest.raises(ValueError, match=r'site backbone.x: found 14 .* 3 x 5 for an'):
        site.to_map(torch.zeros(1, 14, 4), (24, 40))


def test_hooks_do_nothing_outside_of_a_run():
    network = build().eval()
    inputs, _ = make_batch()
    with torch.no_grad():
        expected = network(inputs)
        slot = VisitorSlot()
        attach(dict(top=network), dict(top=find_sites(network, IMAGE)), slot)
        assert all(map(torch.equal, network(inputs), expected))
        seen = []
        slot.visitor = lambda *seen_at: seen.append(seen_at) or seen_at[-1] * 2
        assert not torch.equal(network(inputs)[0], expected[0])
        assert len(seen) == 6


class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, 4, 1)

    def forward(self, x):
        return [(self.conv(x), x.mean((2, 3)))]


def test_a_place_in_a_nested_output():
    address = Address.parse('backbone:0.0')
    output = Nested()(torch.randn(1, 3, 8, 8))
    written = address.write(output, torch.zeros(1))
    assert torch.equal(address.read(written), torch.zeros(1))
    assert type(written) is list and type(written[0]) is tuple
    assert written[0][1] is output[0][1] and address.read(output).shape[1] == 8
