"""Findings of a dry run: layouts, levels, recomputed regions."""

import copy

import pytest
import torch
from mmseg.models.backbones import ResNetV1c
from mmseg.registry import MODELS
from torch import Tensor, nn

from mmseg_coop.models.recompute import recompute_modules
from mmseg_coop.models.sites import find_sites
from mmseg_coop.models.sites.layout import BATCH, Layout, grid_sizes, layouts_of

from helpers.differing import METAS
from helpers.families import FAMILIES
from helpers.tiny import build_short_pair, fcn_head, network_config


def feature(*shape: int) -> Tensor:
    return torch.empty(BATCH, *shape, device='meta')


@pytest.mark.parametrize(
    ('shape', 'image', 'expected'),
    [
        ((8, 16, 24), (64, 96), Layout('NCHW', (8, 16, 24), 4)),
        ((16, 24, 8), (64, 96), Layout('NHWC', (8, 16, 24), 4)),
        ((384, 8), (64, 96), Layout('NLC', (8, 16, 24), 4)),
        # A class token, and with four registers.
        ((25, 8), (64, 96), Layout('NLC', (8, 4, 6), 16, 1)),
        ((29, 8), (64, 96), Layout('NLC', (8, 4, 6), 16, 5)),
        # Padded to a multiple of the stride, or cut; 25 = 769 / 31, too.
        ((8, 25, 25), (769, 769), Layout('NCHW', (8, 25, 25), 32)),
        ((625, 8), (769, 769), Layout('NLC', (8, 25, 25), 32)),
        ((576, 8), (769, 769), Layout('NLC', (8, 24, 24), 32)),
        # Patches of 14 pixels.
        ((1370, 8), (518, 518), Layout('NLC', (8, 37, 37), 14, 1)),
        # Two convolutions without padding.
        ((8, 252, 508), (512, 1024), Layout('NCHW', (8, 252, 508), 2)),
        # Smaller than a stride.
        ((8, 1, 1), (24, 24), Layout('NCHW', (8, 1, 1), 32)),
    ],
)
def test_layouts(shape, image, expected):
    assert layouts_of(feature(*shape), image)[0] == expected


@MODELS.register_module()
class OwnTensors(ResNetV1c):
    """A user's backbone, with tensors that are no weights, and a look at values."""

    def __init__(self, **options):
        super().__init__(**options)
        self.scales = [torch.ones(1)]
        # As weight_norm's: deepcopy refuses what was computed with a gradient.
        self.scale = torch.ones(1, requires_grad=True).exp()

    def forward(self, x):
        x = x * torch.ones(1, 3, 1, 1) * self.scales[0]
        return super().forward(x if x.abs().sum().item() >= 0 else -x)


def test_tensors_of_a_backbones_own():
    plain = MODELS.build(copy.deepcopy(FAMILIES['fcn']))
    config = copy.deepcopy(FAMILIES['fcn'])
    config.backbone.type = 'OwnTensors'
    network = MODELS.build(config)
    assert find_sites(network, (3, 64, 96)) == find_sites(plain, (3, 64, 96))
    # Its dry run is on the CPU.
    size = dict(data_preprocessor=dict(type='SegDataPreProcessor', size=(64, 64)))
    backbone = config.backbone
    pair = build_short_pair(connections='same', backbone=backbone, **size).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        found = pair.encode_decode(images, METAS)
        assert torch.equal(found, pair.networks.bottom.encode_decode(images, METAS))


@pytest.mark.parametrize(
    'tensor',
    [
        # Pooled to a pixel, to another aspect ratio, windows, and the classes.
        feature(8, 1, 1),
        feature(8, 6, 6),
        torch.empty(12, 16, 8, device='meta'),
        feature(19, 8),
        torch.empty(1, 512, 8, device='meta'),
    ],
)
def test_what_is_no_feature_map(tensor):
    assert layouts_of(tensor, (512, 1024)) == []


@pytest.mark.parametrize('stride', [4, 14, 16])
def test_grids_of_padded_and_of_cut_images(stride):
    padded, cut = grid_sizes((769, 512), stride)
    assert padded == (-(-769 // stride), -(-512 // stride))
    assert cut == (769 // stride, 512 // stride)


def test_of_several_strides_it_is_the_power_of_two():
    layout, *_ = layouts_of(torch.empty(2, 64, 6, 8, device='meta'), (180, 240))
    assert (layout.name, layout.stride) == ('NCHW', 32)


class Levels(nn.Module):
    """A backbone whose stages hold feature maps as (N, H, W, C)."""

    def __init__(self, channels: int = 8):
        super().__init__()
        self.patches = nn.Conv2d(3, channels, 8, 8)
        self.stages = nn.ModuleList(nn.Linear(channels, channels) for _ in range(3))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.patches(x).permute(0, 2, 3, 1)
        outputs = []
        for stage in self.stages:
            x = self.run(stage, x)
            outputs.append(x.permute(0, 3, 1, 2))
        return outputs

    def run(self, stage: nn.Module, x: Tensor) -> Tensor:
        return stage(x)


def network(backbone: nn.Module, channels: int = 8) -> nn.Module:
    built = MODELS.build(
        network_config('danet', decode_head=fcn_head(channels, 2), auxiliary_head=None)
    )
    built.backbone = backbone
    return built


@pytest.mark.parametrize('image', [(3, 64, 96), (3, 64, 64)])
def test_as_many_channels_as_rows(image):
    sites = find_sites(network(Levels()), image)
    for i in (0, 1):
        site = sites[f'backbone.stages.{i}']
        assert (site.layout, site.channels, site.stride) == ('NHWC', 8, 8)


def test_networks_of_one_size_are_run_at_that_size_only():
    class OneSize(Levels):
        def forward(self, x: Tensor) -> list[Tensor]:
            assert x.shape[2:] == (64, 64)
            return super().forward(x)

    sites = find_sites(network(OneSize(channels=12), 12), (3, 64, 64))
    assert sites['backbone.stages.0'].layout == 'NHWC'


def test_changes_in_place_in_training_only_are_seen():
    class Dropped(Levels):
        def run(self, stage: nn.Module, x: Tensor) -> Tensor:
            return torch.dropout_(stage(x), 0.1, self.training)

        def forward(self, x: Tensor) -> list[Tensor]:
            return [level * 2 for level in super().forward(x)]

    assert find_sites(network(Dropped()), (3, 64, 96))['backbone.stages.0'].overwritten
    sites = find_sites(network(Levels()), (3, 64, 96))
    assert not sites['backbone.stages.0'].overwritten


def test_one_level_of_another_size_than_the_depths():
    sites = find_sites(MODELS.build(copy.deepcopy(FAMILIES['erfnet'])), (3, 64, 96))
    backbone = [s for s in sites.values() if s.part == 'backbone']
    assert len(backbone) > 2 and all(s.deep for s in backbone[:-1])
    assert backbone[-1].stride == 2 and not backbone[-1].deep


def test_wanted_inputs_are_further_sites():
    fcn = MODELS.build(copy.deepcopy(FAMILIES['fcn']))
    wanted = 'backbone.layer2:in'
    found = list(find_sites(fcn, (3, 64, 96), [wanted]))
    assert [name for name in found if name != wanted] == list(
        find_sites(fcn, (3, 64, 96))
    )
    assert found.index(wanted) == found.index('backbone.layer1') + 1


class Blocks(nn.Module):
    """A backbone of one level, whose blocks return the size of their tokens, too."""

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.mlp = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))

        def forward(self, x: Tensor) -> tuple[Tensor, int]:
            return x + self.mlp(x), x.shape[1]

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.blocks = nn.ModuleList(self.Block() for _ in range(6))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.patches(x)
        size = x.shape[2:]
        x = x.flatten(2).transpose(1, 2)
        for block in self.blocks:
            x, _ = block(x)
        return [x.transpose(1, 2).unflatten(2, size)]


def test_one_level_has_sites_at_regular_depths():
    built = network(Blocks())
    built.decode_head = MODELS.build(fcn_head(8, 0))
    sites = find_sites(built, (3, 64, 96))
    names = [f'backbone.blocks.{i}:0' for i in (1, 2, 4, 5)]
    assert [s for s in sites if s.startswith('backbone')] == names
    assert all(sites[name].layout == 'NLC' for name in names)


def recomputing(family: str) -> nn.Module:
    config = copy.deepcopy(FAMILIES[family])
    config.backbone.with_cp = True
    return MODELS.build(config)


@pytest.mark.parametrize(
    ('family', 'name'),
    [
        ('ocrnet', 'backbone.layer1.0.conv1'),
        ('hrnet_ocr', 'backbone.stage2.0.branches.0.0.conv1'),
        ('swin', 'backbone.stages.0.blocks.0.ffn'),
        ('segformer', 'backbone.layers.0.1.0.ffn'),
        ('vit_upernet', 'backbone.layers.0.ffn'),
        ('convnext', 'backbone.stages.0.0.pointwise_conv1'),
        ('unet', 'backbone.encoder.1.1.convs.0.conv'),
    ],
)
def test_regions_that_are_computed_again(family, name):
    sites = find_sites(recomputing(family), (3, 64, 96))
    assert list(sites) == list(find_sites(MODELS.build(FAMILIES[family]), (3, 64, 96)))
    with pytest.raises(ValueError, match=f'{name}.*computed again'):
        find_sites(recomputing(family), (3, 64, 96), [name])


def test_heads_that_are_computed_again():
    built = MODELS.build(copy.deepcopy(FAMILIES['ocrnet']))
    recompute_modules(built.decode_head)
    with pytest.raises(ValueError, match='computed again'):
        find_sites(built, (3, 64, 96), ['decode_head.1.bottleneck'])
