# EfficientNet-Lite0 at stride 16, from ImageNet's weights: what a CPU can train. The
# stem's level, at stride 2, is left out, so that DeepLabV3+'s decoder reads stride 4.
backbone = dict(
    type='TIMMBackbone',
    model_name='tf_efficientnet_lite0',
    features_only=True,
    output_stride=16,
    out_indices=(1, 2, 3, 4),
    pretrained=False,
    # tools/model_converters/efficientnet_lite.py writes it.
    init_cfg=dict(type='Pretrained', checkpoint='pretrained/efficientnet_lite0.pth'),
)
