"""Join trained networks into an ensemble, or into the start of cooperative training."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.runner import TestLoop, ValLoop
from mmseg.evaluation import IoUMetric
from mmseg.registry import LOOPS, METRICS, MODELS

from ..apis.model_files import find_model
from ..apis.runner import override, read_config
from ..checkpoints.training_record import training_runs_of
from ..config_types import is_type, use_scope
from ..engine import CoopEvaluationHook, CoopTestLoop, CoopValLoop
from ..evaluation import CoopIoUMetric
from ..models import CooperativeEncoderDecoder
from ..models.checkpoint_weights import load_file, put_weights, weights_of
from ..models.resolve import resolve
from ..models.segmentors.network_config_files import model_entry
from ..models.segmentors.network_names import name_networks
from .config_to_mmseg import import_package
from .model_folder import make_standalone, write_model

_LOOPS = (('val_cfg', ValLoop, CoopValLoop), ('test_cfg', TestLoop, CoopTestLoop))


def join(
    models: Sequence[str],
    out: str | Path,
    pattern: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> str:
    """Write a cooperative model of trained single networks.

    Data, schedule and padding are those of the first. Connectors start on the identity,
    so that at first each network predicts as it did alone.

    Args:
        models: Two or more models, each as for :func:`find_model`.
        out: A new folder.
        pattern: Pattern of their connections. Default: they are an ensemble.
        options: Options that override the joined config's, as ``--cfg-options`` does.

    Returns:
        A description of the files.

    Raises:
        FileNotFoundError: If a file is missing.
        FileExistsError: If the folder exists.
        ValueError: If a model is cooperative itself, a checkpoint does not fit its
            config, or the networks predict different classes.
    """
    if len(models) < 2:
        raise ValueError(f'found {len(models)} model, expected 2 or more to join')
    files = [find_model(model) for model in models]
    configs = [_read(config) for config, _ in files]
    whole = configs[0]
    use_scope(whole)
    names = list(name_networks(None, len(models)))
    loaded = [load_file(path, 'CHECKPOINT', config) for config, path in files]
    metas = [checkpoint.get('meta', {}) for checkpoint in loaded]
    _check_classes([path for _, path in files], metas)
    note = _other_modes([path for path, _ in files], [c.model for c in configs])
    whole.model = ConfigDict(_joined([c.model for c in configs], names, pattern))
    make_standalone(whole)
    import_package(whole)
    override(whole, options or {}, 'the joined config')
    _evaluate_all(whole)
    model = MODELS.build(deepcopy(whole.model))
    model.plan.init_weights()
    training_runs = []
    for name, (_, path), checkpoint in zip(names, files, loaded, strict=True):
        put_weights(model.networks[name], weights_of(checkpoint), path)
        own = training_runs_of(checkpoint.get('meta', {}))
        training_runs += [{**training, 'network': name} for training in own]
    stem = f'{Path(whole.filename).stem}_{pattern or "ensemble"}'
    written = write_model(out, stem, whole, model.state_dict(), metas[0], training_runs)
    text = f'{written}\na cooperative model of {", ".join(names)}{note}'
    if pattern is not None:
        path = Path(out) / stem
        start = f'--cfg-options load_from={path}.pth'
        text += f'\nTrain it: tools/train.py {path}.py {start}'
    return text


def _read(path: str) -> Config:
    config = read_config(path)
    if is_type(config.model, CooperativeEncoderDecoder, MODELS):
        raise ValueError(
            f'{path}: is a cooperative model, expected a single network; '
            'tools/split.py takes one out'
        )
    return config


def _joined(
    models: Sequence[Mapping[str, Any]], names: Sequence[str], pattern: str | None
) -> dict[str, Any]:
    """Make the config of the cooperative model."""
    first = models[0]
    common = dict(type=CooperativeEncoderDecoder.__name__)
    if pattern is not None:
        common['connections'] = dict(pattern=pattern)
    if all(model == first for model in models):
        alike = dict(network_type=first['type'], num_networks=len(models))
        return {**first, **common, **alike}
    shared = {k: first[k] for k in ('data_preprocessor', 'test_cfg') if k in first}
    # Without ``_delete_``: there are no common keys to merge with.
    entries = [
        {'name': name, **{k: v for k, v in entry.items() if k != '_delete_'}}
        for name, entry in zip(names, map(model_entry, models), strict=True)
    ]
    return {**common, **shared, 'networks': entries}


def _check_classes(paths: Sequence[str], metas: Sequence[Mapping[str, Any]]) -> None:
    """Check that networks have the same classes, if checkpoints name them."""
    found = [(meta.get('dataset_meta') or {}).get('classes') for meta in metas]
    known = [(path, list(c)) for path, c in zip(paths, found, strict=True) if c]
    for path, classes in known:
        if classes != known[0][1]:
            raise ValueError(
                f'{path}: found the classes {", ".join(classes[:3])}, …, expected '
                f'those of {known[0][0]}, {", ".join(known[0][1][:3])}, …: all '
                'networks predict the same'
            )


def _other_modes(paths: Sequence[str], models: Sequence[Mapping[str, Any]]) -> str:
    """Describe the networks whose mode of prediction is not that of the first."""
    modes = [{'mode': 'whole', **(m.get('test_cfg') or {})} for m in models]
    pairs, first = zip(paths, modes, strict=True), modes[0]
    differ = [
        f'{path} is predicted with {mode}' for path, mode in pairs if mode != first
    ]
    if not differ:
        return ''
    return (
        f'\nNote: {"; ".join(differ)}; joined, all are predicted as {paths[0]}, with '
        f'{first} (--cfg-options model.test_cfg.mode=... chooses)'
    )


def _evaluate_all(config: Config) -> None:
    """Set metrics, loops and hook that evaluate every network and their mean."""
    for key in ('val_evaluator', 'test_evaluator'):
        metrics = config.get(key)
        for metric in metrics if isinstance(metrics, list) else [metrics]:
            if metric and resolve(metric.get('type'), METRICS) is IoUMetric:
                metric['type'] = CoopIoUMetric.__name__
    for key, host, ours in _LOOPS:
        loop = config.get(key)
        if loop and resolve(loop.get('type', host), LOOPS) is host:
            loop['type'] = ours.__name__
    hooks = config.setdefault('default_hooks', ConfigDict())
    hooks.setdefault('evaluation', dict(type=CoopEvaluationHook.__name__))
