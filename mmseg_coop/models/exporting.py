"""Whether torch.export records a graph."""

import torch


def is_exporting() -> bool:
    """Tell whether torch.export records a graph; before PyTorch 2.7 no one can."""
    return getattr(torch.compiler, 'is_exporting', lambda: False)()
