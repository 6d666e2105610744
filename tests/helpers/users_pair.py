"""A model class of a user."""

from mmseg.registry import MODELS

from mmseg_coop.models import CooperativeEncoderDecoder


@MODELS.register_module()
class UsersPair(CooperativeEncoderDecoder):
    """A user's sub-class."""
