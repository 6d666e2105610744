"""Registries of this package's scope: what is in MMSegmentation's, under another name.

MMEngine marks what a config inherits through ``mmseg_coop::`` with the scope
``mmseg_coop``, and imports this module to build it.
"""

import mmseg.registry
from mmengine.registry import Registry

# A child finds what its parent has, but does not import it.
_LOCATIONS = [
    'mmseg_coop',
    *(
        f'mmseg.{name}'
        for name in ('datasets', 'engine', 'evaluation', 'models', 'visualization')
    ),
]
_CHILDREN = [
    Registry(node.name, parent=node, scope='mmseg_coop', locations=_LOCATIONS)
    for node in vars(mmseg.registry).values()
    if isinstance(node, Registry) and node.scope == 'mmseg'
]
