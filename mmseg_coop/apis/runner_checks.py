"""Check a Runner's config when it is built, not after hours of training."""

import re
from collections.abc import Iterator

from mmengine.hooks import CheckpointHook, EarlyStoppingHook
from mmengine.runner import Runner
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from ..engine import NonFiniteHook
from ..engine.layer_decay import COOPERATIVE
from ..evaluation.metric_names import metric_names
from ..models import CooperativeEncoderDecoder
from ..models.resolve import resolve
from ..unwrap import unwrap
from ..wording import first_of


def check_training(runner: Runner) -> None:
    """Check a built Runner for errors that would stop its training later.

    Raises:
        ValueError: Names the config's key, what was found and what was expected.
    """
    _check_class_weights(runner.model)
    _check_constructor(runner)
    # Built now: its errors would come after the data have been read.
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    for hook in runner.hooks:
        if isinstance(hook, NonFiniteHook):
            hook.check(runner.optim_wrapper)
    _check_metrics(runner)


def _check_class_weights(model: nn.Module) -> None:
    """Check that a loss has as many class weights as there are classes."""
    for name, head in unwrap(model).named_modules():
        if not isinstance(head, BaseDecodeHead):
            continue
        losses = head.loss_decode
        for loss in losses if isinstance(losses, nn.ModuleList) else [losses]:
            weights = getattr(loss, 'class_weight', None)
            # One weight is for all classes.
            if weights is not None and len(weights) not in (1, head.out_channels):
                # The networks may share one config, so the key has no network.
                key = re.sub(r'^networks\.[^.]+\.', '', name)
                raise ValueError(
                    f'model.{key}.loss_decode.class_weight: found {len(weights)} '
                    f'weights, expected {head.out_channels}, one for each class of '
                    'num_classes'
                )


def _check_metrics(runner: Runner) -> None:
    """Refuse to monitor a metric that the validation does not compute."""
    monitored = list(_monitored_metrics(runner))
    config = runner.cfg.get('val_evaluator')
    if config is None or not monitored:
        return
    # The Runner's own is built with the validation loop, which reads the data.
    evaluator = runner.build_evaluator(config)
    model = unwrap(runner.model)
    cooperative = isinstance(model, CooperativeEncoderDecoder)
    networks = model.plan.networks if cooperative else ()
    names = metric_names(evaluator.metrics, networks)
    # None where a metric's names can't be known before it has been used.
    for key, wanted in monitored if names is not None else ():
        # A model may give losses of the validation, too.
        if wanted not in names and 'loss' not in wanted:
            raise ValueError(
                f'{key}: found {wanted!r}, which is no metric of val_evaluator; '
                f'expected one of {first_of(names)}'
            )


def _monitored_metrics(runner: Runner) -> Iterator[tuple[str, str]]:
    """List the metrics that hooks and schedules monitor, with their config keys."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            for name in hook.save_best or ():
                if name != 'auto':
                    yield 'CheckpointHook.save_best', name
        elif isinstance(hook, EarlyStoppingHook):
            yield 'EarlyStoppingHook.monitor', hook.monitor
    schedulers = runner.param_schedulers
    for i, options in enumerate(schedulers if isinstance(schedulers, list) else ()):
        if isinstance(options, dict) and 'monitor' in options:
            yield f'param_scheduler[{i}].monitor', options['monitor']


def _check_constructor(runner: Runner) -> None:
    """Check that a cooperative model has its own constructor for layer-wise decay."""
    found = runner.cfg.get('optim_wrapper', {}).get('constructor')
    kind = resolve(found, OPTIM_WRAPPER_CONSTRUCTORS)
    model = unwrap(runner.model)
    if kind in COOPERATIVE and isinstance(model, CooperativeEncoderDecoder):
        raise ValueError(
            f'optim_wrapper.constructor: found {found!r}, which supports a single '
            f'network only; expected {COOPERATIVE[kind].__name__!r}, with the same '
            'options'
        )
