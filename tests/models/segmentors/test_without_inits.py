"""Configs of complete models must not ask for the files that they began with."""

import pytest

from mmseg_coop.models.segmentors.init_checkpoints import without_inits

BEGIN = dict(type='Pretrained', checkpoint='begin.pth')


@pytest.mark.parametrize(
    ('backbone', 'expected'),
    [
        (dict(type='ResNetV1c', pretrained='begin.pth'), {}),
        (dict(type='ResNetV1c', init_cfg=[BEGIN]), {}),
        (dict(type='TIMMBackbone', pretrained=True), dict(pretrained=False)),
        # MMSegmentation's would download its weights.
        (dict(type='TIMMBackbone'), dict(pretrained=False)),
        (dict(type='TIMMBackbone', checkpoint_path='a.pth'), dict(pretrained=False)),
        (dict(type='mmpretrain.TIMMBackbone'), dict(pretrained=False)),
    ],
    ids=lambda value: '-'.join(map(str, value.values())) if 'type' in value else None,
)
def test_backbones_load_nothing(backbone, expected):
    pair = dict(networks=dict(top=dict(backbone=backbone), bottom={}), pretrained='b')
    found = without_inits(dict(pair, backbone=backbone, networks_init=['a', 'b']))
    wanted = dict(expected, type=backbone['type'])
    networks = dict(top=dict(backbone=wanted), bottom={})
    assert found == dict(backbone=wanted, networks=networks)
    augmented = without_inits(
        dict(type='SegTTAModel', module=dict(networks_init=['a']))
    )
    assert augmented == dict(type='SegTTAModel', module={})
