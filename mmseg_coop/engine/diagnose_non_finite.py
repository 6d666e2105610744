"""Find the origin of a loss or gradient that is not finite."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.runner import Runner
from torch import Tensor, nn

from ..unwrap import unwrap
from ..wording import first_of


def diagnose(
    runner: Runner, losses: Mapping[str, Tensor], data_batch: dict
) -> tuple[int, str]:
    """Find what is not finite in an iteration, before the optimizer's step.

    Runs the batch again, which changes running statistics.

    Args:
        runner: The Runner in the iteration, after backward.
        losses: The result of the model's ``train_step``.
        data_batch: The batch as it came from the loader.

    Returns:
        How likely it is that this process's own batch is at fault, and the message:
        iteration, term, network, site and files. 2: its forward is not finite; 1: its
        gradients are not, which may be those of all processes; 0: both are finite.
    """
    model = unwrap(runner.model)
    parameters = dict(model.named_parameters())
    terms = _not_finite(losses)
    gradients = _not_finite({name: p.grad for name, p in parameters.items()})
    weights = _not_finite(parameters)
    module = _first_module(runner, model, data_batch)
    if weights:
        # No batch is to blame.
        origin = f'the weight {weights[0]} was not finite before'
    elif module:
        origin = f'the first feature map that is not: {module}'
    else:
        origin = 'every feature map is finite'
    parts = [_about_loss(losses, terms) if terms else _about_gradients(gradients)]
    parts += [origin, *_about_files(data_batch)]
    sure = 2 if terms or module else int(bool(gradients))
    return sure, f'iteration {runner.iter + 1}: {"; ".join(parts)}'


def _about_loss(losses: Mapping[str, Tensor], terms: list[str]) -> str:
    # 'loss' is the sum of the others.
    own = [name for name in terms if name != 'loss'] or terms
    values = [f'{name}={float(losses[name]):g}' for name in own]
    return f'the loss is not finite ({first_of(values)})'


def _about_gradients(names: list[str]) -> str:
    if not names:
        return 'the gradients of another process are not finite'
    some = names[0] if len(names) == 1 else f'{names[0]} to {names[-1]}'
    return f'gradients are not finite ({len(names)}: {some})'


def _about_files(data_batch: dict) -> list[str]:
    files = [sample.get('img_path') for sample in data_batch['data_samples']]
    files = [str(file) for file in files if file]
    return [f'batch: {first_of(files)}'] if files else []


@torch.no_grad()
def _first_module(runner: Runner, model: nn.Module, data_batch: dict) -> str | None:
    """Run the batch again, and find the first module whose output is not finite."""
    found: list[str] = []

    def look(name: str, output: Any) -> None:
        tensors = output if isinstance(output, list | tuple) else [output]
        floats = (x for x in tensors if isinstance(x, Tensor) and x.is_floating_point())
        if not found and not all(map(_finite, floats)):
            found.append(name)

    handles = [
        module.register_forward_hook(lambda *args, name=name: look(name, args[-1]))
        for name, module in model.named_modules()
    ]
    try:
        with runner.optim_wrapper.optim_context(runner.model):
            data = model.data_preprocessor(data_batch, True)
            look('the preprocessed images', data['inputs'])
            model(**data, mode='loss')
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


def _not_finite(tensors: Mapping[str, Tensor | None]) -> list[str]:
    """List the names of tensors that are not finite."""
    return [n for n, x in tensors.items() if x is not None and not _finite(x)]


def _finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())
