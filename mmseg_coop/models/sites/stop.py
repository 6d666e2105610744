"""What a walk hands out at each of its sites."""

from typing import NamedTuple

from torch import Tensor

TRUNK = 'trunk'


class Stop(NamedTuple):
    """A walk that has stopped at a site.

    Attributes:
        site: Name of the site: the path of the module whose output this is, as in
            ``backbone.layer1``.
        feature: The feature map at the site, (N, C, H, W). The walk goes on with
            the feature map it is sent, of the same shape.
        stream: The stream the site belongs to: ``trunk``, or a branch of the head.
    """

    site: str
    feature: Tensor
    stream: str = TRUNK
