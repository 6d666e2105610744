"""Instructions of the processor."""

import torch


def cpu_has_bfloat16() -> bool:
    """Tell whether this CPU has instructions for matrices in bfloat16."""
    names = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    # Older releases of PyTorch lack them.
    return any(getattr(torch.cpu, name, bool)() for name in names)
