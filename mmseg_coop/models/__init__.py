from .necks import CoopAggregation, CoopConnector
from .segmentors import CooperativeEncoderDecoder

__all__ = ['CoopAggregation', 'CoopConnector', 'CooperativeEncoderDecoder']
