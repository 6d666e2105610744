"""Networks that differ in anything; MMSegmentation's own are the oracle."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmseg.models import CascadeEncoderDecoder, EncoderDecoder, ResNet, ResNetV1c
from mmseg.registry import MODELS

from mmseg_coop.models.segmentors import flatten_networks

from helpers.differing import (
    METAS,
    MIXED,
    SEGFORMER,
    build_mixed,
    build_single,
    on_backbones,
)
from helpers.tiny import (
    BACKBONE,
    HEADS,
    NUM_CLASSES,
    build_pair,
    fcn_head,
    make_batch,
    make_samples,
    network_config,
    single_like,
    total_loss,
)

ONE_CONV = dict(type='FCNHead', in_channels=64, in_index=3, channels=8, num_convs=1)
ONE_CONV |= dict(num_classes=NUM_CLASSES, concat_input=False)


def write_config(path, **changes):
    """A config file of a tiny DeepLabV3+ with an FCN head, on four stages."""
    model = network_config('deeplabv3plus', decode_head=fcn_head(64, 3), **changes)
    Config(dict(model=model.to_dict())).dump(path)
    return str(path)


# Merging


@pytest.mark.parametrize('kind', ['ResNetV1c', 'mmseg.ResNetV1c', ResNetV1c, None])
def test_a_part_of_the_same_type_is_merged(kind):
    over = dict(depth=34) if kind is None else dict(type=kind, depth=34)
    model = build_pair('danet', networks=dict(a=dict(), b=dict(backbone=over)))
    assert [len(n.backbone.layer1) for n in model.networks.values()] == [2, 3]
    assert model.networks.b.backbone.base_channels == 8


@pytest.mark.parametrize('kind', ['ResNet', 'mmseg.ResNet', ResNet])
def test_a_part_of_another_type_replaces(kind):
    own = dict(type=kind, depth=18, base_channels=8)
    model = build_pair('danet', networks=dict(a=dict(), b=dict(backbone=own)))
    backbone = model.networks.b.backbone
    assert type(backbone) is ResNet
    assert backbone.strides == (1, 2, 2, 2) and not backbone.deep_stem


def test_delete_takes_nothing_from_the_common_part():
    own = dict(_delete_=True, type='ResNetV1c', depth=18, base_channels=8)
    model = build_pair('danet', networks=dict(a=dict(), b=dict(backbone=own)))
    assert model.networks.b.backbone.strides == (1, 2, 2, 2)


def test_none_takes_a_part_away():
    model = build_mixed()
    assert model.networks.top.with_auxiliary_head
    assert not model.networks.bottom.with_auxiliary_head


def test_the_config_stays_as_it_is():
    networks = copy.deepcopy(MIXED)
    build_pair('danet', networks=networks)
    assert networks == MIXED


def test_a_network_of_another_class_has_the_same_parts():
    heads = [dict(ONE_CONV), dict(ONE_CONV, type='OCRHead', in_channels=64)]
    heads[1].update(ocr_channels=8, num_convs=None)
    heads[1].pop('num_convs'), heads[1].pop('concat_input')
    cascade = dict(type='CascadeEncoderDecoder', num_stages=2, decode_head=heads)
    for network_type in (None, 'EncoderDecoder'):
        model = build_pair(
            'danet',
            connections=on_backbones('same'),
            network_type=network_type,
            networks=dict(top=dict(), bottom=cascade),
        )
        assert type(model.networks.top) is EncoderDecoder
        assert type(model.networks.bottom) is CascadeEncoderDecoder
        total_loss(model.train().loss(*make_batch())).backward()
        assert all(p.grad is not None for p in model.parameters())


def test_pretrained_weights_belong_to_their_backbone(tmp_path):
    path = str(tmp_path / 'backbone.pth')
    backbone = MODELS.build(dict(BACKBONE))
    torch.save(backbone.state_dict(), path)
    model = build_mixed(pretrained=path)
    assert model.networks.bottom.backbone.init_cfg is None
    model.init_weights()
    for key, value in model.networks.top.backbone.state_dict().items():
        assert torch.equal(value, backbone.state_dict()[key]), key


# Config files


@pytest.mark.parametrize('relative', [False, True])
def test_a_network_may_be_a_config_file(relative, tmp_path, monkeypatch):
    path = write_config(tmp_path / 'fcn.py')
    monkeypatch.chdir(tmp_path)
    given = 'fcn.py' if relative else path
    model = build_mixed(on_backbones('same'), networks=dict(top=given, bottom={}))
    expected = MODELS.build(Config.fromfile(path).model)
    assert str(model.networks.top) == str(expected)
    model.networks.top.load_state_dict(expected.state_dict())
    inputs, _ = make_batch()
    with torch.no_grad():
        assert torch.equal(
            model.eval().all_logits(inputs, METAS)['top'],
            expected.eval().encode_decode(inputs, METAS),
        )


def test_a_config_file_is_merged_with_what_stands_beside_it(tmp_path):
    path = write_config(tmp_path / 'fcn.py')
    entry = dict(config=path, auxiliary_head=None, backbone=dict(depth=34))
    model = build_pair('danet', networks=[entry, {}], num_networks=2)
    top = model.networks.top
    assert len(top.backbone.layer1) == 3 and top.backbone.base_channels == 8
    # Nothing of the model's common keys.
    assert not top.with_auxiliary_head
    assert type(top.decode_head).__name__ == 'FCNHead'


def test_flattened_networks_need_no_file(tmp_path):
    path = write_config(
        tmp_path / 'fcn.py',
        data_preprocessor=dict(
            type='SegDataPreProcessor', mean=[9.0] * 3, std=[1.0] * 3, size=(8, 8)
        ),
    )
    entry = dict(config=path, backbone=dict(depth=34), inputs=[0, 1, 2], frozen=True)
    common = network_config(
        'danet',
        type='CooperativeEncoderDecoder',
        connections=on_backbones('same'),
        data_preprocessor=dict(type='SegDataPreProcessor', size=(9, 9)),
    )
    for networks in (dict(a=entry, b={}), [entry, dict(config=None)]):
        config = Config(dict(model=dict(common, networks=networks)))
        expected = MODELS.build(config.model)
        flatten_networks(config)
        flatten_networks(config)
        config.dump(tmp_path / 'flat.py')
        again = Config.fromfile(tmp_path / 'flat.py')
        assert path not in (tmp_path / 'flat.py').read_text()
        # A config that inherits from it says the same.
        (tmp_path / 'child.py').write_text("_base_ = './flat.py'\n")
        child = Config.fromfile(tmp_path / 'child.py')
        for found in map(MODELS.build, (config.model, again.model, child.model)):
            assert str(found.networks) == str(expected.networks)
            assert str(found.plan) == str(expected.plan)
            assert found.configs == expected.configs
            assert found.data_preprocessor.views == expected.data_preprocessor.views


def test_what_a_file_imports_is_imported_by_the_flattened_config(tmp_path):
    path = tmp_path / 'fcn.py'
    write_config(path)
    path.write_text(f"{path.read_text()}\ncustom_imports = dict(imports='colorsys')\n")
    for own in ({}, dict(custom_imports=dict(imports=['mmseg_coop']))):
        config = Config(dict(own, model=dict(networks=dict(a=str(path), b={}))))
        flatten_networks(config)
        assert config.custom_imports.imports[-1] == 'colorsys'
        assert len(config.custom_imports.imports) == 1 + len(own)


def test_models_without_networks_stay_as_they_are():
    for model in (dict(type='EncoderDecoder'), dict(networks=None), None):
        config = Config(dict(model=copy.deepcopy(model)))
        flatten_networks(config)
        assert config.to_dict() == dict(model=model)


# Errors


def one_class(**changes):
    head = dict(num_classes=2, out_channels=1, **changes)
    loss = dict(type='CrossEntropyLoss', use_sigmoid=True)
    return dict(decode_head=fcn_head(64, 3, loss_decode=loss, **head))


ERRORS = {
    'an attribute of modules': (
        [dict(name='half'), {}],
        r"networks: found 'half', expected a name that no attribute of N",
    ),
    'a name in a dict': (
        dict(top=dict(name='a'), bottom={}),
        r"networks.top.name: found 'a', expected 'top', its key, or networks as a list",
    ),
    'an order that a written config loses': (
        dict(rgb={}, depth={}),
        r'networks: found a dict with rgb, depth, an order that is lost when MMEngine '
        r"writes .* a list: \[dict\(name='rgb', ...\), dict\(name='depth', ...\)\]",
    ),
    'a name twice': (
        [dict(name='net2'), {}, {}],
        r"networks: found \['net2', 'net2', 'net3'\], expected names that differ",
    ),
    'a dot in a name': (
        {'a.b': {}, 'c': {}},
        r"networks: found 'a.b', expected names of letters, digits and _, without 'lo",
    ),
    'a checkpoint of the whole network': (
        dict(a=dict(init_cfg=dict(type='Pretrained', checkpoint='a.pth')), b={}),
        r"networks.a.init_cfg, .* found type='Pretrained', expected networks.a.init or",
    ),
    'a dash': (
        [dict(name='resnet-18'), {}],
        r"networks: found 'resnet-18', expected names of letters, digits and _",
    ),
    'a name with a rate': (
        dict(a={}, connectors={}),
        r"networks: found 'connectors', expected names of",
    ),
    **{
        name: ({'a': {}, name: {}}, f"networks: found '{name}', expected names of")
        for name in ('mean', 'oracle', 'cooperation')
    },
    'loss': (dict(closs={}, a={}), r"networks: found 'closs', expected names of"),
    'a part': (
        dict(my_backbone={}, a={}),
        r"networks: found 'my_backbone', expected names of",
    ),
    'one network': (dict(a={}), r'networks: found .*, expected a dict or list of at l'),
    'a number': (dict(a=1, b={}), r'networks.a: found 1, expected a dict, or a config'),
    'a number for a file': (
        dict(a=dict(config=3), b={}),
        r'networks.a: 3 can not be read as a config',
    ),
    'a backbone for a segmentor': (
        dict(a=dict(type='ResNet'), b={}),
        r"networks.a.type: found 'ResNet', expected the segmentor of one network, such",
    ),
    'an unknown key': (
        dict(a=dict(freeze=True), b={}),
        r"networks.a: unknown key 'freeze'; expected one of .*frozen.*EncoderDecoder",
    ),
    'an unknown type': (
        dict(a=dict(type='Encoder'), b={}),
        r"networks.a.type: found 'Encoder', expected the segmentor",
    ),
    'a cooperative network': (
        dict(a=dict(type='CooperativeEncoderDecoder'), b={}),
        r"networks.a.type: found 'CooperativeEncoderDecoder', expected the segmentor",
    ),
    'all frozen': (
        dict(a=dict(frozen=True), b=dict(frozen=True)),
        r'networks: all are frozen, expected at least one that is trained',
    ),
    'frozen': (dict(a=dict(frozen=1), b={}), r'networks.a.frozen: found 1, expected T'),
    'inputs': (
        dict(a=dict(inputs=3), b={}),
        r'networks.a.inputs: found 3, expected a list of channels, from 0',
    ),
    'too few inputs': (
        dict(a=dict(inputs=[3]), b={}),
        r'networks.a.inputs: found \[3\], but the network takes 3 channels; set '
        r'networks.a.backbone.in_channels=1',
    ),
    'weight': (
        dict(a=dict(loss_weight=-1), b={}),
        r'networks.a.loss_weight: found -1, expected a number of 0 or more',
    ),
    'init': (
        dict(a=dict(init=dict(file='a.pth')), b={}),
        r"networks.a.init: found {'file': 'a.pth'}, expected a file, a URL, or dict",
    ),
    'preprocessor': (
        dict(a=dict(data_preprocessor=[1]), b={}),
        r'networks.a.data_preprocessor: found \[1\], expected a dict',
    ),
    'channels of a head': (
        dict(a={}, b=dict(decode_head=fcn_head(32, 3))),
        r'networks.b: decode_head.in_channels: found 32, but the levels that in_index='
        r'3 selects have 64 channels',
    ),
    'classes': (
        dict(a={}, b=dict(decode_head=fcn_head(64, 3, num_classes=4))),
        r'networks.b: num_classes is 4, expected that of a, 5: all networks predict',
    ),
    'out_channels': (
        dict(a=dict(decode_head=fcn_head(64, 3, num_classes=2)), b=one_class()),
        r'networks.b: out_channels is 1, expected that of a, 2',
    ),
    'threshold': (
        dict(a=one_class(), b=one_class(threshold=0.5)),
        r'networks.b: threshold is 0.5, expected that of a, 0.3',
    ),
    'ignore_index': (
        dict(a={}, b=dict(decode_head=dict(ignore_index=0))),
        r'networks.b: ignore_index is 0, expected that of a, 255',
    ),
    'align_corners': (
        dict(a={}, b=dict(decode_head=dict(align_corners=True))),
        r'networks.b: align_corners is True, expected that of a, False',
    ),
    'sites that do not match': (
        dict(a={}, b=dict(backbone=dict(type='UNet', base_channels=4, num_stages=3))),
        r'connections.sites: the sites of a and b can not be matched by name or by '
        r'order \(a: backbone.layer1, .*; b: backbone.*\); name as many of each',
    ),
}
ERRORS['sites that do not match'][0]['b'].update(
    backbone=dict(
        type='UNet',
        base_channels=4,
        num_stages=3,
        strides=(1, 1, 1),
        enc_num_convs=(1, 1, 1),
        dec_num_convs=(1, 1),
        downsamples=(True, True),
        enc_dilations=(1, 1, 1),
        dec_dilations=(1, 1),
    ),
    decode_head=fcn_head(4, 2),
    auxiliary_head=None,
)


@pytest.mark.parametrize('name', ERRORS)
def test_error(name):
    networks, message = ERRORS[name]
    with pytest.raises(ValueError, match=message) as error:
        build_pair('danet', connections=on_backbones('same'), networks=networks)
    assert '\n' not in str(error.value) and len(str(error.value)) < 600


@pytest.mark.parametrize('name', ['trained', 'init_weights', 'training', '_modules'])
def test_a_name_that_the_module_of_the_networks_has(name):
    networks = [dict(name=name), dict(name='other')]
    message = f"networks: found '{name}', expected a name that no attribute"
    with pytest.raises(ValueError, match=message):
        build_pair(networks=networks)


@pytest.mark.parametrize(
    ('own', 'listed'),
    [
        (dict(init='a.pth'), dict(networks_init=['b.pth', None])),
        (dict(loss_weight=0.5), dict(loss_weights=[1, 2])),
    ],
)
def test_an_option_is_given_once(own, listed):
    (key,), (other,) = own, listed
    message = f'networks.top.{key}: found it beside {other}: top, expected only one'
    with pytest.raises(ValueError, match=message):
        build_pair('danet', networks=dict(top=own, bottom={}), **listed)


def test_error_of_a_common_key():
    with pytest.raises(ValueError, match="^network_type: found 'ResNet', expected the"):
        build_pair(network_type='ResNet')


def test_inputs_that_images_lack():
    networks = dict(a=dict(inputs=[1, 2, 7]), b=dict(inputs=[0, 1, 2]))
    four = dict(type='SegDataPreProcessor', mean=[9.0] * 4, std=[1.0] * 4)
    message = r'a.data_preprocessor.mean: found 4 values, expected 3, .*=\[1, 2, 7\]'
    with pytest.raises(ValueError, match=message):
        build_pair('danet', networks=networks, data_preprocessor=four)


def test_errors_of_config_files(tmp_path):
    wrong = tmp_path / 'wrong.py'
    wrong.write_text('model = dict(\n')
    empty = tmp_path / 'empty.py'
    empty.write_text('a = 1\n')
    expected = {
        str(wrong): r'networks.a: .*wrong.py can not be read as a config \(\w+',
        str(empty): r'networks.a: .*empty.py has no model',
        'nowhere.py': r'networks.a: nowhere.py can not be read as a config \(FileNot',
        'nix::a.py': r'networks.a: nix::a.py .*; in Python, call mmseg_coop.apis.en',
    }
    for path, message in expected.items():
        with pytest.raises(ValueError, match=message) as error:
            build_pair('danet', networks=dict(a=path, b={}))
        assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('networks', 'names'),
    [
        (dict(top={}, bottom={}), ['top', 'bottom']),
        (dict(bottom={}, top={}), ['top', 'bottom']),
        (dict(depth={}, rgb={}), ['depth', 'rgb']),
        ([dict(name='rgb'), dict(name='depth')], ['rgb', 'depth']),
        ([dict(name='rgb'), {}, None], ['rgb', 'net2', 'net3']),
    ],
)
def test_the_order_survives_a_written_config(networks, names, tmp_path):
    """MMEngine sorts keys: top and bottom would change places."""
    model = dict(network_config('danet'), type='CooperativeEncoderDecoder')
    connections = dict(pattern='same', sites=['backbone.layer3'])
    config = Config(dict(model=dict(model, networks=networks, connections=connections)))
    config.dump(tmp_path / 'written.py')
    for found in (config, Config.fromfile(tmp_path / 'written.py')):
        plan = MODELS.build(found.model).plan
        assert list(plan.networks) == names
        assert [c.sources[0].network for c in plan.connections] == names[:-1]


def test_num_networks_agrees_with_networks():
    with pytest.raises(
        ValueError, match=r'num_networks: found 3, expected 2, as in networks'
    ):
        build_pair('danet', networks=[{}, {}], num_networks=3)
    assert list(build_pair(networks=[{}, {}, {}]).networks) == ['net1', 'net2', 'net3']


# Starting from checkpoints


def test_init_is_of_one_network(tmp_path):
    single = MODELS.build(network_config('danet', **SEGFORMER))
    path = str(tmp_path / 'single.pth')
    torch.save(dict(state_dict=single.state_dict()), path)
    networks = dict(top={}, bottom=dict(SEGFORMER, init=path))
    model = build_mixed(on_backbones('same'), networks)
    before = copy.deepcopy(model.networks.top.state_dict())
    model.init_weights()
    for key, value in model.networks.bottom.state_dict().items():
        assert torch.equal(value, single.state_dict()[key]), key
    after = model.networks.top.state_dict()
    assert any(not torch.equal(after[key], value) for key, value in before.items())


def test_partial_init_names_what_is_left_out(tmp_path, logged):
    path = str(tmp_path / 'single.pth')
    other = network_config('danet')
    for head in ('decode_head', 'auxiliary_head'):
        other[head]['num_classes'] = 19
    single = MODELS.build(other)
    torch.save(dict(state_dict=single.state_dict()), path)
    with pytest.raises(ValueError, match=r'networks.top.init: .* another architecture'):
        build_pair('danet', networks=[dict(init=path), {}]).init_weights()

    init = dict(checkpoint=path, partial=True)
    model = build_pair('danet', networks=[dict(init=init), {}])
    model.init_weights()
    left = [k for k in single.state_dict() if 'conv_seg' in k or 'cls_seg' in k]
    for key, value in model.networks.top.state_dict().items():
        assert torch.equal(value, single.state_dict()[key]) or key in left, key
    count = len(single.state_dict())
    (line,) = (x for x in logged if f'init: {path}: ' in x)
    assert f'{count - len(left)} of {count} weights loaded; not loaded: ' in line
    assert all(name in line for name in left)


def test_a_partial_init_that_fits_nowhere(tmp_path):
    path = str(tmp_path / 'other.pth')
    torch.save(dict(a=torch.zeros(1)), path)
    init = dict(checkpoint=path, partial=True)
    model = build_pair('danet', networks=[dict(init=init), {}])
    with pytest.raises(ValueError, match='networks.top.init: .*none of its 1 weights'):
        model.init_weights()


@pytest.mark.parametrize('content', [b'', b'abc', [1], dict(state_dict=None), {1: 2}])
def test_an_init_that_is_no_checkpoint(content, tmp_path):
    path = tmp_path / 'a.pth'
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    model = build_pair('danet', networks=[{}, dict(init=str(path))])
    message = f'^networks.bottom.init: {path} can not be loaded as a checkpoint '
    with pytest.raises(ValueError, match=message) as error:
        model.init_weights()
    assert '\n' not in str(error.value)


# Behaviour


def test_options_may_be_arrays():
    """Configs with arrays can't be compared; MMSegmentation takes them as weights."""
    weights = torch.arange(1.0, NUM_CLASSES + 1)
    loss = dict(type='CrossEntropyLoss', class_weight=weights)
    head = dict(HEADS['danet'], loss_decode=loss)
    pair = build_pair('danet', 'same', decode_head=head)
    inputs, samples = make_batch()
    single = single_like(pair, 'top', 'danet', decode_head=head)
    losses = []
    for model in (pair, single):
        torch.manual_seed(0)
        losses.append(model.loss(inputs, samples))
    found, expected = losses
    for key, value in expected.items():
        torch.testing.assert_close(found[f'top.{key}'], value, rtol=0, atol=0)


def test_loss_weight_is_of_one_network():
    inputs, samples = make_batch()
    plain = build_mixed().eval()
    networks = dict(top=dict(loss_weight=0.25), bottom=SEGFORMER)
    weighted = build_mixed(networks=networks).eval()
    weighted.load_state_dict(plain.state_dict())
    found, expected = (m.loss(inputs, samples) for m in (weighted, plain))
    for key, value in expected.items():
        weight = 0.25 if 'loss' in key and key.startswith('top') else 1.0
        torch.testing.assert_close(found[key], value * weight)


@MODELS.register_module()
class Negates(EncoderDecoder):
    """A user's network, which predicts in its own way."""

    def inference(self, inputs, batch_img_metas):
        return -super().inference(inputs, batch_img_metas)


def test_a_prediction_of_a_networks_own_is_not_used_and_said(logged):
    build_pair(network_type='Negates')
    expected = 'network_type: Negates has its own inference, which a cooperative model'
    assert any(expected in line for line in logged)


def test_slide_and_cascade_beside_a_transformer():
    """Windows of the size that a network takes, for all networks."""
    test_cfg = dict(mode='slide', crop_size=(32, 32), stride=(24, 24))
    model = build_mixed(on_backbones('same'), test_cfg=test_cfg).eval()
    inputs = torch.randn(1, 3, 48, 56)
    single = build_single('bottom', model.networks.bottom.state_dict()).eval()
    single.test_cfg.update(test_cfg)
    metas = make_samples(torch.zeros(1, 1, 48, 56))[0].metainfo
    with torch.no_grad():
        found = model.inference(inputs, [metas])
        torch.testing.assert_close(found, single.inference(inputs, [metas]))
