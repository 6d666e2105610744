import pytest
import torch
from mmseg.registry import MODELS

from mmseg_coop.models.checkpoint_weights import check_state_dict

from helpers.tiny import build_pair, network_config


def test_equal_architectures_pass():
    model = build_pair('danet', 'same')
    state = model.state_dict()
    check_state_dict(model, state, 'a.pth')
    check_state_dict(model, {f'module.{k}': v for k, v in state.items()}, 'a.pth')
    check_state_dict(model, state | {'data_preprocessor.mean': torch.ones(3)}, 'a.pth')


def test_other_architectures_are_named_in_a_line():
    danet = MODELS.build(network_config('danet'))
    deeplab = MODELS.build(network_config('deeplabv3plus'))
    with pytest.raises(ValueError) as error:
        check_state_dict(danet, deeplab.state_dict(), 'networks_init: top: a.pth')
    assert str(error.value) == (
        'networks_init: top: a.pth is a checkpoint of another architecture than the '
        'EncoderDecoder of the config: 36 missing: '
        'decode_head.pam_in_conv.conv.weight, …; 84 unexpected: '
        'decode_head.image_pool.1.conv.weight, …; use the config that the checkpoint '
        'was trained with'
    )


def test_other_shapes_are_named():
    model = MODELS.build(network_config('danet'))
    state = dict(model.state_dict())
    state['decode_head.conv_seg.bias'] = torch.zeros(7)
    message = r'1 of another shape: decode_head.conv_seg.bias \(7,\) instead of \(5,\)'
    with pytest.raises(ValueError, match=message):
        check_state_dict(model, state, 'a.pth')


class TestNetworksInit:
    def test_each_network_gets_its_checkpoint(self, tmp_path):
        singles, paths = [], []
        for name in ('a', 'b'):
            singles.append(MODELS.build(network_config('danet')))
            paths.append(str(tmp_path / f'{name}.pth'))
            torch.save(dict(state_dict=singles[-1].state_dict(), meta={}), paths[-1])
        model = build_pair('danet', 'same', networks_init=paths)
        model.init_weights()
        for single, network in zip(singles, model.networks.values(), strict=True):
            for key, value in single.state_dict().items():
                assert torch.equal(network.state_dict()[key], value), key

    def test_one_network_may_start_at_random(self, tmp_path):
        single = MODELS.build(network_config('danet'))
        path = str(tmp_path / 'a.pth')
        torch.save(single.state_dict(), path)
        model = build_pair('danet', networks_init=[None, path])
        model.init_weights()
        key = 'backbone.layer4.0.conv1.weight'
        weight = single.state_dict()[key]
        assert torch.equal(model.networks.bottom.state_dict()[key], weight)
        assert not torch.equal(model.networks.top.state_dict()[key], weight)

    def test_another_architecture(self, tmp_path):
        path = str(tmp_path / 'a.pth')
        single = MODELS.build(network_config('deeplabv3plus'))
        torch.save(single.state_dict(), path)
        model = build_pair('danet', networks_init=[path, None])
        with pytest.raises(ValueError, match='networks_init: top: .*a.pth is a checkp'):
            model.init_weights()

    def test_missing_file(self):
        model = build_pair('danet', networks_init=['nowhere.pth', None])
        message = 'networks_init: top: there is no file nowhere.pth'
        with pytest.raises(FileNotFoundError, match=message):
            model.init_weights()
