"""Names of scalars that every logger takes."""

import re

# What MLflow allows; it drops a whole batch for one name with anything else.
_OTHER = re.compile(r'[^A-Za-z0-9_\-. /]')


def scalar_name(*parts: str) -> str:
    """A name of parts, as in ``cooperation/strength/bottom.backbone.layer1``.

    Of what a part has, letters, digits and ``_ - . / `` and the space stay; anything
    else becomes ``_``.

    Args:
        parts: From the general to the particular; none is empty.
    """
    return _OTHER.sub('_', '/'.join(parts))
