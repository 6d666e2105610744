from .cooperative_encoder_decoder import CooperativeEncoderDecoder
from .label_maps import can_predict_labels, predict_beside_networks, predict_labels

__all__ = [
    'CooperativeEncoderDecoder',
    'can_predict_labels',
    'predict_beside_networks',
    'predict_labels',
]
