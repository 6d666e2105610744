from .cooperative_encoder_decoder import CooperativeEncoderDecoder

__all__ = ['CooperativeEncoderDecoder']
