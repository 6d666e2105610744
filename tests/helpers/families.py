"""MMSegmentation's families of networks at tiny size; a family is an entry."""

from mmengine.config import ConfigDict

from helpers.tiny import BACKBONE as RESNET
from helpers.tiny import HEADS, NUM_CLASSES, TWO_STAGES, fcn_head

_BN = dict(type='BN')
_LN = dict(type='LN', eps=1e-6)
# Channels of the levels of the backbones here.
_RESNET = (8, 16, 32, 64)
_PYRAMID = (8, 16, 24, 32)
_STRIDED = dict(RESNET, strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1))


def _head(type_: str, in_channels=_RESNET[-1], in_index=3, **options) -> dict:
    return {
        **dict(type=type_, in_channels=in_channels, in_index=in_index, channels=8),
        **dict(num_classes=NUM_CLASSES, norm_cfg=_BN),
        **options,
    }


def _levels_head(type_: str, in_channels=_RESNET, **options) -> dict:
    index = list(range(len(in_channels)))
    return _head(type_, list(in_channels), **{'in_index': index, **options})


def _network(backbone: dict, head: dict | list[dict], **options) -> dict:
    return {
        **dict(type='EncoderDecoder', backbone=backbone, decode_head=head),
        **dict(train_cfg=dict(), test_cfg=dict(mode='whole')),
        **options,
    }


def _resnet(head: dict | list[dict], **options) -> dict:
    """Behind two stages of a ResNet: it is the head that matters."""
    backbone = dict(RESNET, **TWO_STAGES)
    return _network(backbone, head, auxiliary_head=fcn_head(8, 0), **options)


def _second_stage(type_: str, **options) -> dict:
    return _head(type_, _RESNET[1], 1, **options)


def _transformer(type_: str, **options) -> dict:
    return {
        **dict(type=type_, img_size=(64, 96), patch_size=16, embed_dims=16),
        **dict(num_layers=4, num_heads=2, out_indices=(0, 1, 2, 3), norm_cfg=_LN),
        **options,
    }


def _vit(**options) -> dict:
    return _transformer('VisionTransformer', **options)


def _fpn(channels=_RESNET) -> dict:
    return dict(type='FPN', in_channels=list(channels), out_channels=8, num_outs=4)


_FPN_HEAD = _levels_head('FPNHead', [8] * 4, feature_strides=[4, 8, 16, 32])
_CASCADE = dict(type='CascadeEncoderDecoder', num_stages=2)
_PSP = dict(pool_scales=(1, 2))
_HRNET = dict(
    type='HRNet',
    norm_cfg=_BN,
    extra={
        f'stage{i}': dict(
            num_modules=1,
            num_branches=i,
            block='BASIC' if i > 1 else 'BOTTLENECK',
            num_blocks=(1,) * i,
            num_channels=(4, 8, 12, 16)[:i],
        )
        for i in range(1, 5)
    },
)
_SWIN = dict(
    type='SwinTransformer',
    pretrain_img_size=64,
    embed_dims=8,
    window_size=4,
    depths=(2, 1, 1, 1),
    num_heads=(1, 2, 2, 2),
)
_MIT = dict(
    type='MixVisionTransformer',
    embed_dims=8,
    num_layers=[2, 1, 1, 1],
    num_heads=[1, 2, 3, 4],
)
_TWINS = dict(
    embed_dims=list(_PYRAMID),
    num_heads=[1, 2, 2, 2],
    mlp_ratios=[2] * 4,
    depths=[2, 1, 1, 1],
)
_CONVNEXT = dict(
    type='mmpretrain.ConvNeXt',
    arch=dict(depths=[2, 1, 1, 1], channels=list(_PYRAMID)),
    out_indices=(0, 1, 2, 3),
    gap_before_final_norm=False,
)
_TIMM = dict(
    type='TIMMBackbone',
    model_name='test_resnet',
    pretrained=False,
    features_only=True,
    out_indices=(1, 2, 3, 4),
)
_MSCAN = dict(
    type='MSCAN',
    embed_dims=list(_PYRAMID),
    mlp_ratios=[2] * 4,
    depths=[2, 1, 1, 1],
    norm_cfg=_BN,
)
_FEATURE_PYRAMID = dict(type='Feature2Pyramid', embed_dim=16, norm_cfg=_BN)
_KNET = dict(
    type='IterativeDecodeHead',
    num_stages=2,
    kernel_generate_head=_second_stage('FCNHead', num_convs=1),
    kernel_update_head=[
        dict(
            type='KernelUpdateHead',
            num_classes=NUM_CLASSES,
            num_heads=2,
            num_mask_fcs=1,
            feedforward_channels=16,
            in_channels=8,
            out_channels=8,
            feat_transform_cfg=dict(conv_cfg=dict(type='Conv2d'), act_cfg=None),
            kernel_updator_cfg=dict(
                type='KernelUpdator', in_channels=8, feat_channels=8, out_channels=8
            ),
        )
        for _ in range(2)
    ],
)
_ICNET = dict(
    type='ICNet',
    backbone_cfg=dict(RESNET, in_channels=3),
    layer_channels=(16, 64),
    light_branch_middle_channels=4,
    psp_out_channels=8,
    out_channels=(4, 8, 8),
    pool_scales=(1, 2),
)
_BISENETV1 = dict(
    type='BiSeNetV1',
    context_channels=(16, 32, 64),
    spatial_channels=(4, 4, 4, 16),
    out_channels=16,
    backbone_cfg=dict(_STRIDED, in_channels=3),
)
_BISENETV2 = dict(
    type='BiSeNetV2',
    detail_channels=(8, 8, 16),
    semantic_channels=(4, 8, 12, 16),
    semantic_expansion_ratio=2,
    bga_channels=16,
)
_STDC = dict(
    type='STDCContextPathNet',
    backbone_cfg=dict(
        type='STDCNet',
        stdc_type='STDCNet1',
        in_channels=3,
        channels=(4, 8, 16, 32, 64),
        bottleneck_type='cat',
        norm_cfg=_BN,
        act_cfg=dict(type='ReLU'),
    ),
    last_in_channels=(64, 32),
    out_channels=8,
    ffm_cfg=dict(in_channels=24, out_channels=16, scale_factor=4),
)
_FASTSCNN = dict(
    type='FastSCNN',
    downsample_dw_channels=(4, 8),
    global_in_channels=8,
    global_block_channels=(8, 12, 16),
    global_out_channels=16,
    higher_in_channels=8,
    lower_in_channels=16,
    fusion_out_channels=16,
)
_ERFNET = dict(
    type='ERFNet',
    enc_downsample_channels=(4, 8, 16),
    enc_stage_non_bottlenecks=(1, 2),
    enc_non_bottleneck_dilations=(2, 4),
    enc_non_bottleneck_channels=(8, 16),
    dec_upsample_channels=(8, 4),
    dec_stages_non_bottleneck=(1, 1),
    dec_non_bottleneck_channels=(8, 4),
)
_CGNET = dict(
    type='CGNet', num_channels=(8, 8, 16), num_blocks=(2, 2), reductions=(2, 4)
)
_UNET = dict(
    type='UNet',
    base_channels=4,
    num_stages=4,
    strides=(1, 1, 1, 1),
    enc_num_convs=(1, 1, 1, 1),
    dec_num_convs=(1, 1, 1),
    downsamples=(True, True, True),
    enc_dilations=(1, 1, 1, 1),
    dec_dilations=(1, 1, 1),
)

FAMILIES = {
    # Heads, behind a ResNet.
    'danet': _resnet(dict(HEADS['danet'], in_channels=16, in_index=1)),
    'deeplabv3': _resnet(_second_stage('ASPPHead', dilations=(1, 2))),
    'deeplabv3plus': _resnet(dict(HEADS['deeplabv3plus'], in_channels=16, in_index=1)),
    'fcn': _resnet(_second_stage('FCNHead', num_convs=1)),
    'pspnet': _resnet(_second_stage('PSPHead', **_PSP)),
    'ann': _resnet(
        _levels_head(
            'ANNHead', (8, 16), channels=16, project_channels=4, key_pool_scales=(1, 3)
        )
    ),
    'emanet': _resnet(
        _second_stage('EMAHead', ema_channels=8, num_bases=4, num_stages=2)
    ),
    'encnet': _resnet(_levels_head('EncHead', (8, 16), num_codes=4)),
    'nonlocal': _resnet(_second_stage('NLHead')),
    'knet': _resnet(_KNET),
    'ocrnet': _resnet(
        [fcn_head(16, 1), _second_stage('OCRHead', ocr_channels=4)], **_CASCADE
    ),
    'upernet': _network(_STRIDED, _levels_head('UPerHead', **_PSP)),
    'fpn': _network(_STRIDED, _FPN_HEAD, neck=_fpn()),
    'fastfcn': _network(
        dict(_STRIDED, out_indices=(1, 2, 3)),
        _head('PSPHead', 32, 2, **_PSP),
        neck=dict(type='JPU', in_channels=(16, 32, 64), mid_channels=8),
    ),
    # Other backbones.
    'resnest': _network(
        dict(_STRIDED, type='ResNeSt', depth=50, base_width=32),
        _levels_head('UPerHead', [32, 64, 128, 256], **_PSP),
    ),
    'hrnet_ocr': _network(
        _HRNET,
        [
            _levels_head(
                'FCNHead',
                (4, 8, 12, 16),
                input_transform='resize_concat',
                num_convs=1,
                concat_input=False,
            ),
            _levels_head(
                'OCRHead',
                (4, 8, 12, 16),
                input_transform='resize_concat',
                ocr_channels=4,
            ),
        ],
        **_CASCADE,
    ),
    'mobilenet_v2': _network(
        dict(
            type='MobileNetV2',
            widen_factor=0.25,
            strides=(1, 2, 2, 1, 1, 1, 1),
            dilations=(1, 1, 1, 2, 2, 4, 4),
        ),
        _head('FCNHead', 80, num_convs=1),
    ),
    'unet': _network(_UNET, fcn_head(4, 3), auxiliary_head=fcn_head(8, 2)),
    'erfnet': _network(_ERFNET, fcn_head(4, -1)),
    'cgnet': _network(_CGNET, fcn_head(32, 2, channels=32, num_convs=0)),
    'fastscnn': _network(
        _FASTSCNN,
        _head('DepthwiseSeparableFCNHead', 16, -1, concat_input=False),
        auxiliary_head=[fcn_head(16, -2), fcn_head(8, -3)],
    ),
    'bisenetv1': _network(
        _BISENETV1, fcn_head(16, 0), auxiliary_head=[fcn_head(16, 1), fcn_head(16, 2)]
    ),
    'bisenetv2': _network(
        _BISENETV2,
        fcn_head(16, 0),
        auxiliary_head=[fcn_head(c, i + 1) for i, c in enumerate((4, 8, 12, 16))],
    ),
    'stdc': _network(
        _STDC,
        fcn_head(16, 3),
        auxiliary_head=[
            fcn_head(8, 2),
            fcn_head(8, 1),
            fcn_head(
                16,
                0,
                type='STDCHead',
                num_classes=2,
                boundary_threshold=0.1,
                loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True),
            ),
        ],
    ),
    'icnet': _network(
        _ICNET,
        fcn_head(8, 2),
        neck=dict(type='ICNeck', in_channels=(4, 8, 8), out_channels=8),
        auxiliary_head=[fcn_head(8, 0), fcn_head(8, 1)],
    ),
    'ddrnet': _network(
        dict(type='DDRNet', channels=4, ppm_channels=4, norm_cfg=_BN),
        dict(
            type='DDRHead',
            in_channels=16,
            channels=8,
            num_classes=NUM_CLASSES,
            norm_cfg=_BN,
            loss_decode=[dict(type='OhemCrossEntropy', min_kept=100)] * 2,
        ),
    ),
    'pidnet': _network(
        dict(type='PIDNet', channels=4, ppm_channels=4, norm_cfg=_BN),
        dict(
            type='PIDHead',
            in_channels=16,
            channels=8,
            num_classes=NUM_CLASSES,
            norm_cfg=_BN,
            align_corners=True,
            loss_decode=[
                dict(type='CrossEntropyLoss', loss_weight=0.4),
                dict(type='OhemCrossEntropy', thres=0.9, min_kept=100),
                dict(type='BoundaryLoss', loss_weight=20.0),
                dict(type='OhemCrossEntropy', thres=0.9, min_kept=100),
            ],
        ),
    ),
    # Transformers.
    'segformer': _network(_MIT, _levels_head('SegformerHead', (8, 16, 24, 32))),
    'swin': _network(_SWIN, _levels_head('UPerHead', (8, 16, 32, 64), **_PSP)),
    'twins_pcpvt': _network(
        dict(_TWINS, type='PCPVT'),
        _FPN_HEAD,
        neck=_fpn(_PYRAMID),
    ),
    'convnext': _network(_CONVNEXT, _levels_head('UPerHead', _PYRAMID, **_PSP)),
    'timm': _network(_TIMM, _head('FCNHead', 96, num_convs=1)),
    'segnext': _network(
        _MSCAN,
        _levels_head(
            'LightHamHead',
            _PYRAMID[1:],
            in_index=[1, 2, 3],
            ham_channels=8,
            norm_cfg=dict(type='GN', num_groups=4),
            ham_kwargs=dict(MD_R=4, train_steps=2, eval_steps=2),
        ),
    ),
    'vit_upernet': _network(
        _vit(),
        _levels_head('UPerHead', [16] * 4, **_PSP),
        neck=dict(type='MultiLevelNeck', in_channels=[16] * 4, out_channels=16),
        auxiliary_head=fcn_head(16, 3),
    ),
    'setr_pup': _network(
        _vit(), _head('SETRUPHead', 16, num_convs=4, up_scale=2, kernel_size=3)
    ),
    'setr_mla': _network(
        _vit(with_cls_token=False),
        _levels_head('SETRMLAHead', [8] * 4, channels=16, mla_channels=4),
        neck=dict(type='MLANeck', in_channels=[16] * 4, out_channels=8, norm_cfg=_BN),
        auxiliary_head=[fcn_head(8, i) for i in range(4)],
    ),
    'segmenter': _network(
        _vit(out_indices=-1, final_norm=True),
        dict(
            type='SegmenterMaskTransformerHead',
            in_channels=16,
            channels=16,
            num_classes=NUM_CLASSES,
            num_layers=2,
            num_heads=2,
            embed_dims=16,
        ),
    ),
    'dpt': _network(
        _vit(output_cls_token=True),
        _levels_head(
            'DPTHead',
            [16] * 4,
            input_transform='multiple_select',
            embed_dims=16,
            post_process_channels=[4, 8, 12, 16],
            readout_type='project',
        ),
    ),
    'beit': _network(
        _transformer('BEiT'),
        _levels_head('UPerHead', [16] * 4, **_PSP),
        neck=_FEATURE_PYRAMID,
    ),
}
FAMILIES = {name: ConfigDict(config) for name, config in FAMILIES.items()}
