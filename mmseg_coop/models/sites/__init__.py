from .discover import find_sites
from .head_sites import NamedSite, register_site_rule
from .hooks import Switch, attach, observing
from .site import LOGITS, TRUNK, Address, Site

__all__ = [
    'LOGITS',
    'TRUNK',
    'Address',
    'NamedSite',
    'Site',
    'Switch',
    'attach',
    'find_sites',
    'observing',
    'register_site_rule',
]
