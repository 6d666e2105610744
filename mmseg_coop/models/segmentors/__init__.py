from .cooperative_encoder_decoder import CooperativeEncoderDecoder
from .network_config_files import flatten_networks, segmentor_configs
from .network_configs import read_networks
from .observe import observe
from .predict_labels import Collect, can_predict_labels, predict_labels

__all__ = [
    'Collect',
    'CooperativeEncoderDecoder',
    'can_predict_labels',
    'flatten_networks',
    'observe',
    'predict_labels',
    'read_networks',
    'segmentor_configs',
]
