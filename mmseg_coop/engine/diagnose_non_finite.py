"""Find the origin of a loss or gradient that is not finite."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from mmengine.runner import Runner
from torch import Tensor

from ..unwrap import unwrap
from ..wording import first_of


def not_finite_gradients(runner: Runner) -> list[str]:
    """List the parameters whose gradients are not finite.

    With a loss scaler there are none: it looks at gradients itself.
    """
    if hasattr(runner.optim_wrapper, 'loss_scaler'):
        return []
    parameters = unwrap(runner.model).named_parameters()
    gradients = {name: p.grad for name, p in parameters if p.grad is not None}
    # Norms are several times as fast as a check of each number. One that overflows is
    # as bad.
    norms = torch._foreach_norm(list(gradients.values()))
    if not norms or torch.stack(norms).isfinite().all():
        return []
    return [n for n, x in zip(gradients, norms, strict=True) if not x.isfinite()]


def diagnose(
    runner: Runner,
    losses: Mapping[str, Tensor | float],
    loss_is_finite: bool,
    gradients: list[str],
    data_batch: dict,
) -> tuple[int, str]:
    """Find what is not finite in an iteration.

    Runs the batch again, which changes running statistics.

    Args:
        losses: What the model's ``train_step`` returned.
        loss_is_finite: Whether the loss given to the optimizer is.
        gradients: Parameters whose gradients are not.
        data_batch: The batch.

    Returns:
        How likely it is that this process's own batch is at fault, and the message:
        iteration, term, network, site and files. 2: its forward is not finite; 1: its
        gradients are not, which may be those of all processes; 0: both are finite.
    """
    values = {name: torch.as_tensor(value) for name, value in losses.items()}
    terms = [name for name, value in values.items() if not _finite(value)]
    module = _first_module(runner, data_batch)
    if terms:
        # 'loss' is the sum of the others.
        own = [name for name in terms if name != 'loss'] or terms
        shown = [f'{name}={float(values[name]):g}' for name in own]
        parts = [f'the loss is not finite ({first_of(shown)})']
    elif gradients:
        some = ' to '.join(dict.fromkeys(gradients[:1] + gradients[-1:]))
        parts = [f'gradients are not finite ({len(gradients)}: {some})']
    else:
        # A model's own train_step may return other values.
        parts = ['the loss is not finite']
    if module:
        parts.append(f'the first feature map that is not: {module}')
    else:
        parts.append('every feature map is finite')
    files = [str(s.get('img_path')) for s in data_batch['data_samples']]
    parts.append(f'batch: {first_of(files)}')
    lost = terms or module or not loss_is_finite
    sure = 2 if lost else int(bool(gradients))
    return sure, f'iteration {runner.iter + 1}: {"; ".join(parts)}'


@torch.no_grad()
def _first_module(runner: Runner, data_batch: dict) -> str | None:
    """Run the batch again, and find the first module whose output is not finite."""
    model = unwrap(runner.model)
    found: list[str] = []

    def look(name: str, *seen: Any) -> None:
        # A hook gets module and inputs before the output.
        output = seen[-1]
        tensors = output if isinstance(output, list | tuple) else [output]
        floats = (x for x in tensors if isinstance(x, Tensor) and x.is_floating_point())
        if not found and not all(map(_finite, floats)):
            found.append(name)

    with ExitStack() as stack, runner.optim_wrapper.optim_context(runner.model):
        for name, module in model.named_modules():
            stack.enter_context(module.register_forward_hook(partial(look, name)))
        data = model.data_preprocessor(data_batch, True)
        look('the preprocessed images', data['inputs'])
        model(**data, mode='loss')
    return found[0] if found else None


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())
