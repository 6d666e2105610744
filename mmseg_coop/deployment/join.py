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
from ..apis.runner import read_config
from ..checkpoints.training_record import trainings_of
from ..config_types import resolve, use_scope
from ..engine import CoopEvaluationHook, CoopTestLoop, CoopValLoop
from ..evaluation import CoopIoUMetric
from ..models import CooperativeEncoderDecoder
from ..models.checkpoint_weights import load_file, put_weights, weights_of
from ..models.class_of import class_of
from ..models.segmentors.network_config_files import model_entry
from ..models.segmentors.network_names import name_networks
from .model_folder import Written, make_standalone, write_model
from .to_mmseg import import_package

_EVALUATORS = ('val_evaluator', 'test_evaluator')
_LOOPS = (('val_cfg', ValLoop, CoopValLoop), ('test_cfg', TestLoop, CoopTestLoop))


def join(
    models: Sequence[str],
    out: str | Path,
    pattern: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Written:
    """Write a cooperative model of trained single networks.

    Data, schedule and padding are those of the first. Connectors start on the identity,
    so that at first each network predicts as it did alone.

    Args:
        models: Two or more models, each as for :func:`find_model`.
        out: A new folder.
        pattern: Pattern of their connections. Default: they are an ensemble.
        options: Options that override the joined config's, as ``--cfg-options`` does.

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
    _check_classes([path for _, path in files], loaded)
    modes = _other_modes([path for path, _ in files], [c.model for c in configs])
    for config in configs:
        make_standalone(config)
    own = [config.model for config in configs]
    whole.model = ConfigDict(_joined(own, names, pattern))
    import_package(whole)
    for key, value in (options or {}).items():
        whole.merge_from_dict({key: value})
    _evaluate_all(whole)
    model = MODELS.build(deepcopy(whole.model))
    model.plan.init_weights()
    for name, (_, path), checkpoint in zip(names, files, loaded, strict=True):
        put_weights(model.networks[name], weights_of(checkpoint), path)
    stem = f'{Path(whole.filename).stem}_{pattern or "ensemble"}'
    metas = [checkpoint.get('meta', {}) for checkpoint in loaded]
    trainings = [
        {**training, 'network': name}
        for name, meta in zip(names, metas, strict=True)
        for training in trainings_of(meta)
    ]
    paths = write_model(out, stem, whole, model.state_dict(), metas[0], trainings)
    count = sum(p.numel() for p in model.parameters())
    return Written(*paths, networks=tuple(names), after=count, note=modes)


def _read(path: str) -> Config:
    config = read_config(path)
    kind = class_of(config.model.get('type'))
    if isinstance(kind, type) and issubclass(kind, CooperativeEncoderDecoder):
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


def _check_classes(
    paths: Sequence[str], checkpoints: Sequence[Mapping[str, Any]]
) -> None:
    """Check that networks have the same classes, if checkpoints name them."""
    found = [c.get('meta', {}).get('dataset_meta') or {} for c in checkpoints]
    known = [
        (path, list(meta['classes']))
        for path, meta in zip(paths, found, strict=True)
        if meta.get('classes')
    ]
    for path, classes in known[1:]:
        if classes != known[0][1]:
            raise ValueError(
                f'{path}: found the classes {", ".join(classes[:3])}, …, expected '
                f'those of {known[0][0]}, {", ".join(known[0][1][:3])}, …: all '
                'networks predict the same'
            )


def _other_modes(paths: Sequence[str], models: Sequence[Mapping[str, Any]]) -> str:
    """Describe the networks whose mode of prediction is not that of the first."""
    first, *others = (_mode(model.get('test_cfg')) for model in models)
    pairs = zip(paths[1:], others, strict=True)
    differ = [f'{path} is predicted with {own}' for path, own in pairs if own != first]
    if not differ:
        return ''
    return (
        f'{"; ".join(differ)}; joined, all are predicted as {paths[0]}, with {first} '
        '(--cfg-options model.test_cfg.mode=... chooses)'
    )


def _mode(test_cfg: Mapping[str, Any] | None) -> str:
    """Describe the mode of prediction: whole images, or windows and their size."""
    test_cfg = {'mode': 'whole', **(test_cfg or {})}
    windows = ('crop_size', 'stride') if test_cfg['mode'] == 'slide' else ()
    return ', '.join(f'{key}={test_cfg.get(key)!r}' for key in ('mode', *windows))


def _evaluate_all(config: Config) -> None:
    """Set metrics, loops and hook that evaluate every network and their mean."""
    for key in _EVALUATORS:
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
