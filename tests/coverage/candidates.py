"""The models that the host ships: configs of MMSegmentation, backbones of others."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import mmseg
import torch
from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS
from torch import Tensor

_SIZE = (512, 512)
# Where a backbone is asked for feature maps: a pyramid, blocks of a transformer.
_OUTPUTS = (
    dict(out_indices=(0, 1, 2, 3)),
    dict(out_indices=(1, 2, 3)),
    dict(out_indices=(2, 5, 8, 11), out_type='featmap'),
    dict(out_indices=(2, 5, 8, 11)),
    dict(),
)
# Not in the tables of architectures that backbones have.
_DEPTHS = (dict(), dict(depth=50), dict(depth=16), dict(depth=121))


@dataclass
class Candidate:
    """A model to be built.

    Attributes:
        group: Where it stands in the table, as in ``danet``.
        name: The file of the config, or what the backbone is called.
        model: The config of the plain model.
        error: Why there is none.
    """

    group: str
    name: str
    model: dict = field(default_factory=dict)
    error: str = ''


def mmseg_configs() -> Iterator[Candidate]:
    """All model configs of the installed MMSegmentation."""
    root = Path(mmseg.__file__).parent / '.mim' / 'configs'
    for path in sorted(root.glob('*/*.py')):
        group, name = path.parent.name, path.stem
        if group == '_base_':
            continue
        try:
            config = Config.fromfile(path)
        except ImportError as error:
            yield Candidate(group, name, error=line(error))
            continue
        if 'model' in config:
            yield Candidate(group, name, without_weights(config.model.to_dict()))


def mmpretrain_backbones() -> Iterator[Candidate]:
    """All backbones of MMPretrain, the first of the architectures of each."""
    backbones = importlib.import_module('mmpretrain.models.backbones')
    for name in sorted(backbones.__all__):
        cls = getattr(backbones, name)
        if name == 'TIMMBackbone':
            continue
        zoo = getattr(cls, 'arch_zoo', None) or getattr(cls, 'arch_settings', None)
        archs = [dict(arch=next(iter(zoo)))] if isinstance(zoo, dict) else []
        options = ({**a, **o} for a, o in product((*archs, *_DEPTHS), _OUTPUTS))
        backbones_ = (dict(type=f'mmpretrain.{name}', **option) for option in options)
        yield _first_with_levels('mmpretrain', name, backbones_, _SIZE)


def timm_backbones() -> Iterator[Candidate]:
    """The first model of each of timm's families, where timm is installed."""
    try:
        timm = importlib.import_module('timm')
    except ImportError:
        return
    for family in timm.list_modules():
        names = timm.list_models(module=family)
        if not names:
            continue
        size = (timm.get_pretrained_cfg(names[0]) or _Default).input_size[-2:]
        backbone = dict(type='TIMMBackbone', model_name=names[0], pretrained=False)
        yield _first_with_levels('timm', names[0], [backbone], size)


class _Default:
    input_size = (3, *_SIZE)


def _first_with_levels(
    group: str, name: str, backbones: Any, size: tuple[int, int]
) -> Candidate:
    """A model with the first of some configs of a backbone that gives feature maps."""
    error = 'no feature maps'
    for backbone in backbones:
        try:
            levels = _levels(backbone, size)
        except Exception as found:
            error = line(found)
            continue
        if levels:
            return Candidate(group, name, _with_head(backbone, levels, size))
    return Candidate(group, name, error=error)


def _levels(backbone: dict, size: tuple[int, int]) -> list[int]:
    """Channels of the output levels of a backbone."""
    with torch.device('meta'):
        built = MODELS.build(ConfigDict(backbone))
        outputs = built.eval()(torch.empty(1, 3, *size))
    maps = [x for x in outputs if isinstance(x, Tensor) and x.ndim == 4]
    return [x.shape[1] for x in maps] if len(maps) == len(outputs) else []


def _with_head(backbone: dict, levels: list[int], size: tuple[int, int]) -> dict:
    """A model with a head that reads all levels."""
    head = dict(
        type='FCNHead',
        in_channels=levels,
        in_index=list(range(len(levels))),
        input_transform='resize_concat',
        channels=64,
        num_convs=1,
        concat_input=False,
        num_classes=19,
        norm_cfg=dict(type='BN'),
    )
    return dict(
        type='EncoderDecoder',
        data_preprocessor=dict(type='SegDataPreProcessor', size=tuple(size)),
        backbone=backbone,
        decode_head=head,
    )


def without_weights(config: Any) -> Any:
    """A config without checkpoints, and with BN in place of SyncBN."""
    if isinstance(config, dict):
        found = {key: without_weights(value) for key, value in config.items()}
        if (found.get('init_cfg') or {}).get('type') == 'Pretrained':
            del found['init_cfg']
        if found.get('pretrained'):
            found['pretrained'] = None
        if found.get('type') == 'SyncBN':
            found['type'] = 'BN'
        return found
    if isinstance(config, list | tuple):
        return type(config)(without_weights(item) for item in config)
    return config


def line(error: BaseException) -> str:
    """What an error says, in a line."""
    text = ' '.join(str(error).split())
    return f'{type(error).__name__}: {text}'[:300]
