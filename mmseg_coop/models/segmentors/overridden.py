"""Methods of a host's class that a sub-class overrides."""

from collections.abc import Sequence

# Methods that an EncoderDecoder predicts with: from logits to label maps, and before.
PREDICTS = ('predict', 'inference', 'whole_inference', 'postprocess_result')


def overridden(cls: type, base: type, names: Sequence[str]) -> list[str]:
    """Names of the methods that a class does not inherit from a base."""
    own = [getattr(cls, name, None) for name in names]
    return [n for n, x in zip(names, own, strict=True) if x is not getattr(base, n)]
