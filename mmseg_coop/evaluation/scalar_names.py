"""Build names of scalars that every logger accepts."""

import re

# What MLflow allows; it drops a whole batch for one name with anything else.
_OTHER = re.compile(r'[^A-Za-z0-9_\-. /]')


def scalar_name(*parts: str) -> str:
    """Join parts to a name, as in ``cooperation/strength/bottom.backbone.layer1``.

    Characters other than letters, digits, ``_``, ``-``, ``.``, ``/`` and the space
    become ``_``.

    Args:
        parts: From the general to the particular; none is empty.
    """
    return _OTHER.sub('_', '/'.join(parts))
