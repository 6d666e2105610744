"""What happens to wrong data: the config key ``data_faults``."""

from collections.abc import Mapping
from typing import Any

from mmcv.transforms import LoadImageFromFile
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import TRANSFORMS

from .checks import class_count, leaf_datasets

POLICIES = ('stop', 'skip', 'off')


def apply_data_policy(loaders: Mapping[str, dict], policy: str = 'stop') -> None:
    """Have the loaders of all datasets recognise wrong data.

    ``'stop'`` ends a run at the first wrong file. ``'skip'`` trains on another sample
    instead and counts; validation and test stop all the same, since figures over other
    images are not comparable. ``'off'`` leaves the loaders as they are, for labels that
    a later step changes into classes. Loaders of one's own are never changed.

    Args:
        loaders: Configs of ``train_dataloader``, ``val_dataloader`` and
            ``test_dataloader``, which are changed; what else is in it is left alone.
        policy: ``stop``, ``skip`` or ``off``.

    Raises:
        ValueError: If the policy is unknown.
    """
    if policy not in POLICIES:
        raise ValueError(
            f'data_faults: found {policy!r}, expected one of {", ".join(POLICIES)}'
        )
    if policy == 'off':
        return
    for _, dataset in leaf_datasets(loaders):
        _check_when_loading(dataset.get('pipeline'), dataset)
    loader = loaders.get('train_dataloader')
    if policy == 'skip' and loader:
        loader['dataset'] = dict(type='SkipFaults', dataset=loader['dataset'])


def _check_when_loading(steps: Any, dataset: dict) -> None:
    """Replace the loaders of a pipeline, those inside of other steps too."""
    if isinstance(steps, list | tuple):
        for step in steps:
            _check_when_loading(step, dataset)
    elif isinstance(steps, dict):
        kind = steps.get('type')
        kind = TRANSFORMS.get(kind) if isinstance(kind, str) else kind
        # Just these classes: a sub-class may read files in another way.
        if kind is LoadImageFromFile:
            steps['type'] = 'LoadCheckedImage'
        elif kind is LoadAnnotations:
            steps.update(
                type='LoadCheckedAnnotations',
                num_classes=class_count(dataset),
                ignore_index=dataset.get('ignore_index', 255),
            )
        for inner in steps.values():
            _check_when_loading(inner, dataset)
