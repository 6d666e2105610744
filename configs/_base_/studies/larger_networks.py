# Options that make a single network on EfficientNet-Lite0 larger.
# EfficientNet-Lite2 (timm's tf_efficientnet_lite2).
_lite2 = {
    'model.backbone.model_name': 'tf_efficientnet_lite2',
    'model.backbone.init_cfg.checkpoint': 'pretrained/efficientnet_lite2.pth',
    'model.decode_head.in_channels': 352,
    'model.auxiliary_head.in_channels': 120,
}
# A head of DeepLabV3+ that is three times as wide.
_wide_head = {
    'model.decode_head.channels': 192,
    'model.decode_head.c1_channels': 36,
}
# Both: the FLOPs of a pair of the smaller ones.
_wide = _lite2 | _wide_head
# A DANet with the FLOPs and parameters of a pair of the smaller ones.
_wide_danet = _lite2 | {
    'model.decode_head.channels': 256,
    'model.decode_head.pam_channels': 32,
}
