# DeepLabV3+ on EfficientNet-Lite0 at stride 16, from ImageNet's weights: what a CPU can
# train. Dilations fit the 9x12 features of a 144x192 image; the stem's level, at stride
# 2, is left out, so that the decoder reads stride 4.
_base_ = './deeplabv3plus_r18.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='TIMMBackbone',
        model_name='tf_efficientnet_lite0',
        features_only=True,
        output_stride=16,
        out_indices=(1, 2, 3, 4),
        pretrained=False,
        # tools/model_converters/efficientnet_lite0.py writes it.
        init_cfg=dict(
            type='Pretrained', checkpoint='pretrained/efficientnet_lite0.pth'
        ),
    ),
    decode_head=dict(in_channels=320, dilations=(1, 2, 3, 5), c1_in_channels=24),
    auxiliary_head=dict(in_channels=112),
)
