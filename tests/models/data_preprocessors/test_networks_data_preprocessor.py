"""Each network gets what MMSegmentation's preprocessor gives for its channels."""

import copy

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_coop.models import CooperativeEncoderDecoder
from mmseg_coop.models.data_preprocessors import NetworksDataPreProcessor

from helpers.differing import SEGFORMER, build_mixed
from helpers.tiny import NUM_CLASSES, build_pair, network_config

RESNET = dict(
    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True
)
BEIT = dict(mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True, pad_val=7)
DEPTH = dict(mean=[30.0], std=[12.0], pad_val=1)
PADDING = dict(
    size=(48, 56), seg_pad_val=255, test_cfg=dict(size_divisor=32, size=None)
)
GRAY = dict(backbone=dict(in_channels=1), inputs=[3])


def make_data(channels: int, *shapes) -> dict:
    samples = []
    for i, shape in enumerate(shapes):
        meta = dict(img_shape=shape, ori_shape=shape, img_path=f'images/{i}.png')
        label = torch.randint(0, NUM_CLASSES, (1, *shape))
        samples.append(SegDataSample(metainfo=meta, gt_sem_seg=PixelData(data=label)))
    images = [torch.randint(0, 256, (channels, *s), dtype=torch.uint8) for s in shapes]
    return dict(inputs=images, data_samples=samples)


def preprocessor(**options) -> dict:
    return dict(type='SegDataPreProcessor', **PADDING, **options)


def check(model, data: dict, expected: dict, inputs: dict) -> None:
    """Compare what networks see with MMSegmentation's preprocessors, to the bit."""
    shape = (48, 56)
    for training in (True, False):
        if not training:
            data = {key: value[:1] for key, value in data.items()}
            shape = (64, 64)
        found = model.data_preprocessor(copy.deepcopy(data), training)
        for name, options in expected.items():
            own = copy.deepcopy(data)
            chosen = inputs.get(name, [0, 1, 2])
            own['inputs'] = [image[chosen] for image in own['inputs']]
            host = SegDataPreProcessor(**PADDING, **options)(own, training)
            seen = model.image_of(found['inputs'], name)
            assert seen.shape[2:] == shape
            assert torch.equal(seen, host['inputs']), (name, training)
            pairs = zip(found['data_samples'], host['data_samples'], strict=True)
            for a, b in pairs:
                assert a.metainfo == b.metainfo
                assert torch.equal(a.gt_sem_seg.data, b.gt_sem_seg.data)


@pytest.fixture
def data():
    return make_data(3, (40, 50), (48, 33))


@pytest.fixture
def four_channels():
    return make_data(4, (40, 50), (48, 33))


def test_networks_with_their_own_mean_and_deviation(data):
    networks = dict(top=dict(data_preprocessor=RESNET), bottom=SEGFORMER)
    model = build_mixed(None, networks, data_preprocessor=preprocessor(**BEIT))
    check(model, data, dict(top=dict(BEIT, **RESNET), bottom=BEIT), {})


def test_colours_are_swapped_beside_another_modality(four_channels):
    """MMSegmentation swaps them for images of three channels only."""
    networks = dict(color=dict(inputs=[0, 1, 2]), depth=dict(GRAY))
    networks['depth']['data_preprocessor'] = DEPTH
    model = build_pair(
        'danet', networks=networks, data_preprocessor=preprocessor(**RESNET)
    )
    depth = dict(RESNET, **DEPTH)
    check(model, four_channels, dict(color=RESNET, depth=depth), dict(depth=[3]))


def test_the_models_own_values_have_one_for_each_channel(four_channels):
    common = dict(RESNET, mean=[*RESNET['mean'], 30.0], std=[*RESNET['std'], 12.0])
    networks = dict(color=dict(inputs=[0, 1, 2]), depth=GRAY)
    model = build_pair(
        'danet', networks=networks, data_preprocessor=preprocessor(**common)
    )
    expected = dict(color=RESNET, depth=dict(RESNET, mean=[30.0], std=[12.0]))
    check(model, four_channels, expected, dict(depth=[3]))


def test_channels_may_be_shared_and_in_any_order(four_channels):
    networks = dict(a=dict(inputs=[3, 1, 0]), b=dict(inputs=[0, 1, 2]))
    model = build_pair(
        'danet', networks=networks, data_preprocessor=preprocessor(**BEIT)
    )
    check(model, four_channels, dict(a=BEIT, b=BEIT), dict(a=[3, 1, 0]))


def test_alike_networks_share_what_they_see(data):
    networks = [dict(data_preprocessor=RESNET), {}, dict(data_preprocessor=RESNET)]
    model = build_pair(
        'danet', networks=networks, data_preprocessor=preprocessor(**BEIT)
    )
    assert len(model.data_preprocessor.preprocessors) == 2
    check(model, data, dict(net1=dict(BEIT, **RESNET), net2=BEIT), {})
    inputs = model.data_preprocessor(copy.deepcopy(data), True)['inputs']
    first, third = (model.image_of(inputs, name) for name in ('net1', 'net3'))
    assert first.data_ptr() == third.data_ptr()


def test_the_hosts_own_where_all_see_the_same():
    networks = [dict(data_preprocessor=RESNET), dict(data_preprocessor=RESNET)]
    for options in ({}, dict(networks=networks)):
        model = build_pair('danet', data_preprocessor=preprocessor(**RESNET), **options)
        assert type(model.data_preprocessor) is SegDataPreProcessor


def test_training_and_prediction_from_images_of_four_channels(four_channels):
    networks = dict(color=dict(inputs=[0, 1, 2]), depth=dict(GRAY))
    networks['depth']['data_preprocessor'] = DEPTH
    model = build_pair(
        'danet',
        dict(pattern='same', sites='backbone'),
        networks=networks,
        data_preprocessor=preprocessor(**RESNET),
        test_cfg=dict(mode='whole', predict='mean'),
    )
    optim = torch.optim.SGD(model.parameters(), lr=0.01)
    batch = model.data_preprocessor(copy.deepcopy(four_channels), True)
    loss, _ = model.parse_losses(model.train()(**batch, mode='loss'))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
    optim.step()

    one = {key: value[:1] for key, value in four_channels.items()}
    with torch.no_grad():
        found = model.eval().test_step(copy.deepcopy(one))[0]
    assert found.pred_sem_seg.shape == (40, 50)
    # RGB alone: what MMSegmentation's network makes of three channels.
    options = dict(PADDING, **RESNET, type='SegDataPreProcessor')
    single = MODELS.build(network_config('danet', data_preprocessor=options)).eval()
    single.load_state_dict(model.networks.color.state_dict())
    model.predict_with = 'color'
    color = dict(one, inputs=[image[:3] for image in one['inputs']])
    with torch.no_grad():
        found = model.test_step(copy.deepcopy(one))[0]
        expected = single.test_step(color)[0]
    assert torch.equal(found.seg_logits.data, expected.seg_logits.data)


def test_an_image_without_the_channels_is_named(data):
    depth = dict(GRAY, data_preprocessor=DEPTH)
    networks = [dict(depth, name='depth'), dict(name='color', inputs=[0, 1, 2])]
    options = dict(networks=networks, data_preprocessor=preprocessor(**RESNET))
    model = build_pair('danet', **options)
    message = (
        r'^images/0.png: found 3 channels, expected those of inputs=\[3\] for network '
        'depth; the pipeline has to load'
    )
    with pytest.raises(ValueError, match=message):
        model.data_preprocessor(copy.deepcopy(data), True)
    with pytest.raises(ValueError, match='^image: found 3 channels'):
        model.data_preprocessor(dict(inputs=data['inputs']), True)
    networks = dict(color=dict(data_preprocessor=RESNET), depth={})
    model = build_pair('danet', networks=networks)
    with pytest.raises(ValueError, match=r'0.png: found 4 channels, expected 3, or in'):
        model.data_preprocessor(make_data(4, (40, 50)), False)
    networks = dict(color={}, depth=dict(backbone=dict(in_channels=4)))
    options = dict(networks=networks, data_preprocessor=preprocessor(**RESNET))
    model = build_pair('danet', **options)
    with pytest.raises(ValueError, match=r'0.png: found 4 channels, expected 3, or in'):
        model.data_preprocessor(make_data(4, (40, 50)), False)


ERRORS = {
    'values for other channels': (
        dict(a={}, depth=dict(GRAY, data_preprocessor=dict(mean=[1, 2], std=[1, 2]))),
        r'networks.depth.data_preprocessor.mean: found 2 values, expected 1, one for '
        r'each channel of inputs=\[3\]',
    ),
    'no values for a channel': (
        dict(a={}, depth=GRAY),
        r'networks.depth.data_preprocessor.mean: found 3 values, expected 1',
    ),
    'another size': (
        dict(a={}, b=dict(data_preprocessor=dict(size=(64, 64)))),
        r'networks.b.data_preprocessor.size: found \(64, 64\), expected \(48, 56\), as '
        'in data_preprocessor.size of the model: images are padded alike',
    ),
}


@pytest.mark.parametrize('name', ERRORS)
def test_error(name):
    networks, message = ERRORS[name]
    options = dict(networks=networks, data_preprocessor=preprocessor(**RESNET))
    with pytest.raises(ValueError, match=message):
        build_pair('danet', **options)


def multispectral(network: dict, **common):
    """Networks that see two and four channels, or four each."""
    four = dict(backbone=dict(in_channels=4))
    options = dict(type='SegDataPreProcessor', **common)
    return build_pair('danet', networks=[network, four], data_preprocessor=options)


def test_two_or_four_channels_have_one_mean():
    """MMSegmentation's preprocessor takes no other number of values than 1 or 3."""
    two = dict(backbone=dict(in_channels=2), inputs=[0, 3])
    four = dict(backbone=dict(in_channels=4))
    for network, known in ((two, 2), (four, 4)):
        message = f'`mean` should have 1 or 3 values, .* got {known} values$'
        with pytest.raises(AssertionError, match=message):
            multispectral(network, mean=[9.0] * 4, std=[2.0] * 4)
    model = multispectral(two, mean=[9.0], std=[2.0])
    data = make_data(4, (40, 50))
    found = model.data_preprocessor(copy.deepcopy(data), False)['inputs']
    (image,) = data['inputs']
    expected = (image[None].float() - 9) / 2
    assert torch.equal(model.image_of(found, 'top'), expected[:, [0, 3]])
    assert torch.equal(model.image_of(found, 'bottom'), expected)


def test_a_built_preprocessor_is_the_models():
    built = SegDataPreProcessor(**PADDING)
    config = network_config('danet')
    config.pop('type')
    model = CooperativeEncoderDecoder(**config, data_preprocessor=built)
    assert model.data_preprocessor is built
    message = "data_preprocessor: found 'SegDataPreProcessor', expected a dict"
    with pytest.raises(ValueError, match=message):
        build_pair(data_preprocessor=built, networks=[dict(inputs=[0, 1, 2]), {}])


def test_it_knows_the_size_of_a_crop():
    networks = [dict(data_preprocessor=RESNET), {}]
    model = build_pair(networks=networks, data_preprocessor=preprocessor(**BEIT))
    assert isinstance(model.data_preprocessor, NetworksDataPreProcessor)
    assert model.data_preprocessor.size == (48, 56)
    assert not model.data_preprocessor.state_dict()
