"""Check the data of a config before its Runner is built."""

import inspect
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine import fileio
from mmengine.config import Config
from mmseg.datasets import CityscapesDataset, PascalVOCDataset
from mmseg.models.decode_heads import STDCHead
from mmseg.models.losses import CrossEntropyLoss
from mmseg.registry import DATASETS, MODELS

from ..config_types import dicts_in, is_type
from ..models.expect import expect
from ..models.resolve import resolve
from ..models.segmentors import segmentor_configs
from .camvid import CamVidDataset

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
_HEADS = ('decode_head', 'auxiliary_head')
_FOLDERS = {'img_path': 'img_suffix', 'seg_map_path': 'seg_map_suffix'}
_HOW_TO_GET = {
    CityscapesDataset: 'get leftImg8bit and gtFine from cityscapes-dataset.com, '
    'then run tools/dataset_converters/cityscapes.py on the folder',
    PascalVOCDataset: 'get VOC2012 from host.robots.ox.ac.uk and SBD (the "aug" '
    'set), then run tools/dataset_converters/voc_aug.py',
    CamVidDataset: "get CamVid (SegNet's split), then run "
    'tools/dataset_converters/camvid.py',
}


def check_dataset_folders(config: Mapping[str, Any]) -> None:
    """Check that the folders and lists of all datasets of a config exist.

    A folder without any file with the dataset's suffix counts as missing, as in
    Cityscapes before its labels are converted.

    Raises:
        FileNotFoundError: Names the config key, what is missing, and how to get it.
    """
    for key, dataset in leaf_datasets(config):
        backend = dataset.get('backend_args')
        for folder_key, path, suffix in _folders(key, dataset):
            files = fileio.list_dir_or_file(
                path, False, suffix=suffix, recursive=True, backend_args=backend
            )
            if not fileio.isdir(path, backend) or next(iter(files), None) is None:
                expected = f'files *{suffix or ""} in {path}'
                raise _missing(folder_key, expected, dataset)
        if dataset.get('ann_file'):
            path = posixpath.join(dataset.get('data_root') or '', dataset['ann_file'])
            there = fileio.isfile(path, backend)
            if not there or not fileio.get_text(path, backend_args=backend).strip():
                expected = f'names of images in {path}'
                raise _missing(f'{key}.ann_file', expected, dataset)


def check_num_classes(config: Config, loaders: Sequence[str] = LOADERS) -> None:
    """Check that the heads have as many classes as the datasets of some loaders.

    A head with ``num_classes=1`` or ``out_channels=1`` has one output for two classes.

    Raises:
        ValueError: Names the head's config key, what it has, and what it needs.
    """
    model = config.get('model', {})
    # With test time augmentation the segmentor is the wrapper's module.
    model = model.get('module', model)
    heads = {
        key: part
        for network, options in segmentor_configs(model).items()
        for key, part in dicts_in({name: options.get(name) for name in _HEADS}, network)
        # STDC's head for boundaries has two classes of its own.
        if part.get('num_classes') and not is_type(part, STDCHead, MODELS)
    }
    for key, dataset in leaf_datasets({key: config.get(key) for key in loaders}):
        expected = class_count(dataset)
        for head, options in heads.items():
            found = options['num_classes']
            if expected not in (None, found) and (found, expected) != (1, 2):
                raise ValueError(
                    f'model.{head}.num_classes: found {found}, but '
                    f'{_name(dataset)} ({key}) has {expected} classes; set '
                    f'num_classes={expected} in every head'
                )
            if expected == 2 and options.get('out_channels', found) == 1:
                _check_loss_of_one_output(f'model.{head}.loss_decode', options)


def _check_loss_of_one_output(key: str, head: Mapping[str, Any]) -> None:
    """Check that a head with one output has no softmax, which would always be 1."""
    losses = head.get('loss_decode', dict(type=CrossEntropyLoss))
    for loss in losses if isinstance(losses, list | tuple) else [losses]:
        softmax = not (loss.get('use_sigmoid') or loss.get('use_mask'))
        if is_type(loss, CrossEntropyLoss, MODELS) and softmax:
            raise ValueError(
                f'{key}.use_sigmoid: found {loss.get("use_sigmoid")}, expected True of '
                'a head with one output for two classes'
            )


def leaf_datasets(config: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """List the datasets of a config, also inside of wrappers, with their keys."""
    for loader in LOADERS:
        options = config.get(loader)
        if options:
            valid = isinstance(options, dict) and 'dataset' in options
            expect(loader, options, valid, 'its dataset')
            yield from _unwrap(f'{loader}.dataset', options['dataset'])


def _unwrap(key: str, dataset: dict) -> Iterator[tuple[str, dict[str, Any]]]:
    expect(key, dataset, isinstance(dataset, dict), 'a dict')
    if 'dataset' in dataset:
        yield from _unwrap(f'{key}.dataset', dataset['dataset'])
    elif 'datasets' in dataset:
        for i, inner in enumerate(dataset['datasets']):
            yield from _unwrap(f'{key}.datasets[{i}]', inner)
    else:
        yield key, dataset


def _folders(
    key: str, dataset: dict[str, Any]
) -> Iterator[tuple[str, str, str | None]]:
    """List the folders that a dataset reads: config key, path and file suffix."""
    root = dataset.get('data_root') or ''
    prefix = dataset.get('data_prefix') or {}
    if root and not any(prefix.get(name) for name in _FOLDERS):
        yield f'{key}.data_root', root, _default(dataset, 'img_suffix')
    for name, suffix in _FOLDERS.items():
        if prefix.get(name):
            path = posixpath.join(root, prefix[name])
            yield f'{key}.data_prefix.{name}', path, _default(dataset, suffix)


def _default(dataset: dict[str, Any], option: str) -> str | None:
    """Get an option of a dataset, or its class's default; None without both."""
    cls = resolve(dataset.get('type'), DATASETS)
    if option in dataset or cls is None:
        return dataset.get(option)
    parameter = inspect.signature(cls).parameters.get(option)
    default = parameter.default if parameter else None
    return default if isinstance(default, str) else None


def class_count(dataset: dict[str, Any]) -> int | None:
    """Number of classes of a dataset's config; None if only building it tells."""
    classes = (dataset.get('metainfo') or {}).get('classes')
    if classes is None:
        cls = resolve(dataset.get('type'), DATASETS)
        classes = getattr(cls, 'METAINFO', {}).get('classes')
    return len(classes) if isinstance(classes, list | tuple) else None


def _name(dataset: dict[str, Any]) -> str:
    """Name of a dataset's class, without scope or module."""
    kind = dataset.get('type')
    return getattr(resolve(kind, DATASETS), '__name__', str(kind))


def _missing(key: str, expected: str, dataset: dict[str, Any]) -> FileNotFoundError:
    cls = resolve(dataset.get('type'), DATASETS)
    # Not for its sub-classes, which are other data in the same format.
    how = _HOW_TO_GET.get(cls, "see docs/datasets.md or MMSegmentation's docs")
    return FileNotFoundError(
        f'{key}: {_name(dataset)} expects {expected}, where there are none; {how}, or '
        f'point data_root at your copy (found {dataset.get("data_root")!r})'
    )
