"""Networks that are config files, through the tools' way of reading configs."""

import pytest
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_coop.apis.runner import read_config
from mmseg_coop.datasets import check_num_classes

from helpers.street_files import CONFIGS

DANET = str(CONFIGS / 'danet_r18_single_camvid.py')
SEGFORMER = 'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'pair.py'
    networks = dict(top=DANET, bottom=dict(config=SEGFORMER, loss_weight=0.5))
    model = dict(type='CooperativeEncoderDecoder', networks=networks)
    dataset = dict(type='CamVidDataset', data_root='data/camvid')
    Config(dict(model=model, test_dataloader=dict(dataset=dataset))).dump(path)
    return str(path)


def test_the_config_that_a_run_leaves_needs_no_other_file(file, tmp_path):
    config = read_config(file)
    config.dump(tmp_path / 'left.py')
    text = (tmp_path / 'left.py').read_text()
    assert DANET not in text and SEGFORMER not in text
    networks = Config.fromfile(tmp_path / 'left.py').model.networks
    top, bottom = networks.top, networks.bottom
    expected = Config.fromfile(DANET).model
    assert {k: top[k] for k in ('backbone', 'decode_head', 'auxiliary_head')} == {
        k: expected[k] for k in ('backbone', 'decode_head', 'auxiliary_head')
    }
    assert bottom.backbone.type == 'MixVisionTransformer'
    assert bottom.loss_weight == 0.5
    # Its own mean and deviation, but not its padding.
    assert bottom.data_preprocessor.mean == [123.675, 116.28, 103.53]
    assert 'size' not in bottom.data_preprocessor


def test_a_network_of_a_config_of_mmsegmentation_is_built(tmp_path):
    own = dict(num_classes=11, channels=8)
    bottom = dict(config=SEGFORMER, decode_head=own, backbone=dict(init_cfg=None))
    top = Config.fromfile(DANET).model
    model = dict(top, type='CooperativeEncoderDecoder')
    model['networks'] = dict(top=dict(), bottom=bottom)
    model['connections'] = dict(pattern='cross', sites='backbone')
    Config(dict(model=model)).dump(tmp_path / 'pair.py')
    for read in (read_config, Config.fromfile):
        built = MODELS.build(read(str(tmp_path / 'pair.py')).model)
        assert type(built.networks.bottom.backbone).__name__ == 'MixVisionTransformer'


def test_options_reach_networks_of_files(file):
    config = read_config(file, {'model.networks.bottom.frozen': True})
    assert config.model.networks.bottom.frozen
    assert config.model.networks.bottom.backbone.embed_dims == 32


def test_classes_of_all_networks_are_checked(file):
    config = read_config(file)
    message = (
        r'model.networks.bottom.decode_head.num_classes: found 150, but CamVidDataset '
        r'\(test_dataloader.dataset\) has 11 classes'
    )
    with pytest.raises(ValueError, match=message):
        check_num_classes(config)
    config.model.networks.bottom.decode_head.num_classes = 11
    check_num_classes(config)
