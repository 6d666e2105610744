"""Gradients that the optimizer has not taken a step with yet."""

from mmengine.optim import OptimWrapper, OptimWrapperDict


def has_pending_gradients(wrapper: OptimWrapper) -> bool:
    """Tell whether gradients are accumulated, for any of several optimizers."""
    several = isinstance(wrapper, OptimWrapperDict)
    wrappers = wrapper.values() if several else [wrapper]
    return not all(single.should_update() for single in wrappers)
