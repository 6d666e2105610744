"""The models that the host ships: configs of MMSegmentation, backbones of others."""

import importlib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import mmseg
import torch
from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS
from torch import Tensor

# The second is that of ImageNet: some backbones have only one.
_SIZES = ((512, 512), (224, 224))
# Where a backbone is asked for feature maps: a pyramid, blocks of a transformer.
_OUTPUTS = (
    dict(out_indices=(0, 1, 2, 3)),
    dict(out_indices=(2, 5, 8, 11)),
    dict(out_indices=(1, 2, 3)),
    dict(out_indices=(0, 1, 2)),
    dict(),
)
# Feature maps, where vectors are the default.
_MAPS = dict(out_type='featmap', gap_before_final_norm=False)


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
        first = next(iter(zoo)) if isinstance(zoo, dict) else None
        arch = 'arch' if 'arch' in _accepted(cls) else 'depth'
        configs = []
        for outputs, maps in product(_OUTPUTS, (_MAPS, {})):
            options = {**maps, **outputs, **({arch: first} if first else {})}
            given = {k: v for k, v in options.items() if k in _accepted(cls)}
            configs.append({'type': f'mmpretrain.{name}', **given})
        yield _first_with_levels('mmpretrain', name, configs, _SIZES)


def _accepted(cls: type) -> set[str]:
    """The options that a class takes, or passes on."""
    known: set[str] = set()
    for base in cls.__mro__:
        if '__init__' in vars(base):
            parameters = inspect.signature(base.__init__).parameters
            known |= set(parameters)
            if all(p.kind != p.VAR_KEYWORD for p in parameters.values()):
                break
    return known


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
        backbone = dict(type='TIMMBackbone', model_name=names[0], pretrained=False)
        pretrained = timm.get_pretrained_cfg(names[0])
        own = [pretrained.input_size[-2:]] if pretrained else []
        yield _first_with_levels('timm', names[0], [backbone], (*own, *_SIZES))


def _first_with_levels(
    group: str,
    name: str,
    backbones: Sequence[dict],
    sizes: Sequence[tuple[int, int]],
) -> Candidate:
    """A model with the first of some configs of a backbone that gives feature maps."""
    errors = []
    for size, backbone in product(sizes, backbones):
        try:
            levels = _levels(backbone, size)
        except Exception as found:
            errors.append(line(found))
            continue
        if levels:
            return Candidate(group, name, _with_head(backbone, levels, size))
    # The first says most: what follows asks for less.
    return Candidate(group, name, error=(*errors, 'gives no feature maps')[0])


def _levels(backbone: dict, size: tuple[int, int]) -> list[int]:
    """Channels of the output levels of a backbone."""
    with torch.device('meta'):
        built = MODELS.build(ConfigDict(backbone))
        # Some don't return themselves.
        built.eval()
        outputs = built(torch.empty(1, 3, *size))
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
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            size=tuple(size),
            mean=[128.0] * 3,
            std=[64.0] * 3,
        ),
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
    """An error's message in one line."""
    text = ' '.join(str(error).split())
    # MMEngine adds where this machine keeps its packages.
    text = text.partition(', the current sys.path')[0]
    return f'{type(error).__name__}: {text}'[:300]
