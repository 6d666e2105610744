"""Detect whether torch.export records a graph."""

import torch


def is_exporting() -> bool:
    """Tell whether torch.export records a graph; always False before PyTorch 2.7."""
    return getattr(torch.compiler, 'is_exporting', lambda: False)()
