from .decode_heads import EfficientDAHead
from .necks import CoopAggregation, CoopConnector, GateConnector, SumConnector
from .segmentors import CooperativeEncoderDecoder

__all__ = [
    'CoopAggregation',
    'CoopConnector',
    'CooperativeEncoderDecoder',
    'EfficientDAHead',
    'GateConnector',
    'SumConnector',
]
