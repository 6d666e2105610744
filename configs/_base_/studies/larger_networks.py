# Options that make a single DeepLabV3+ on EfficientNet-Lite0 larger.
# EfficientNet-Lite2 (timm's tf_efficientnet_lite2).
_lite2 = {
    'model.backbone.model_name': 'tf_efficientnet_lite2',
    'model.backbone.init_cfg.checkpoint': 'pretrained/efficientnet_lite2.pth',
    'model.decode_head.in_channels': 352,
    'model.auxiliary_head.in_channels': 120,
}
# The same with a head so wide that it has the FLOPs of a pair of the smaller ones.
_wide = _lite2 | {
    'model.decode_head.channels': 192,
    'model.decode_head.c1_channels': 36,
}
