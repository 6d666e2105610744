from .discover import Site, find_sites
from .stop import TRUNK, Stop
from .walk import (
    Walked,
    auxiliary_heads,
    forward_head,
    head_logits,
    head_loss,
    head_predict,
    walk,
)

__all__ = [
    'TRUNK',
    'Site',
    'Stop',
    'Walked',
    'auxiliary_heads',
    'find_sites',
    'forward_head',
    'head_logits',
    'head_loss',
    'head_predict',
    'walk',
]
