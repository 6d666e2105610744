"""Split a network off a trained cooperative model."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS

from ..apis.runner import read_config
from ..checkpoints.training_record import trainings_of
from ..models import CooperativeEncoderDecoder
from ..models.checkpoint_weights import load_weights, part_of, put_weights
from ..models.class_of import class_of
from ..models.segmentors.image_shape import loaded_channels
from ..models.segmentors.network_config_files import short_name
from .model_folder import Written, make_standalone, write_model
from .rename_networks import take_over_settings
from .smallest_model import smallest_config, smallest_weights
from .to_mmseg import strip_package, to_host


def split(
    config: str,
    checkpoint: str,
    network: str,
    out: str | Path,
    alone: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Written:
    """Write a network of a cooperative model as a separate model.

    A network that receives nothing becomes an ordinary config and checkpoint of
    MMSegmentation. One that receives feature maps becomes the smallest cooperative
    model with the same prediction.

    Args:
        config: Config of the cooperative model.
        checkpoint: Its checkpoint.
        network: Name of the network.
        out: A new folder.
        alone: Write a network that receives feature maps without its connections; it
            must have been trained with connection dropout.
        options: Options that override the config's.

    Raises:
        FileNotFoundError: If a file is missing.
        FileExistsError: If the folder exists.
        ValueError: If the model is not cooperative, has no such network, does not fit
            the checkpoint, or the network was trained without connection dropout
            (``alone``).
    """
    whole = read_config(config, dict(options or {}))
    model = _build(whole, config)
    meta = load_weights(model, checkpoint, 'CHECKPOINT').get('meta', {})
    if network not in model.networks:
        raise ValueError(
            f'--network: found {network!r}, expected one of {", ".join(model.networks)}'
        )
    make_standalone(whole)
    fed = model.plan.demand(network).fused
    if alone and fed:
        _check_dropout(model, network)
    name = f'{Path(whole.filename).stem}_{network}'
    if fed and not alone:
        whole.model = ConfigDict(smallest_config(model, whole.model, network))
        weights = smallest_weights(model, network)
    else:
        whole.model = ConfigDict(to_host(_ordinary(model, whole.model, network)))
        weights = part_of(model.state_dict(), f'networks.{network}')
    needs = strip_package(whole)
    built = MODELS.build(deepcopy(whole.model))
    put_weights(built, weights, f'{checkpoint}: {network}')
    kept = tuple(built.networks) if fed and not alone else ()
    take_over_settings(whole, tuple(model.networks), kept, network)
    trainings = trainings_of(meta, network)
    files = write_model(out, name, whole, built.state_dict(), meta, trainings)
    counts = [sum(p.numel() for p in m.parameters()) for m in (model, built)]
    return Written(*files, kept, needs, *counts)


def _build(config: Config, path: str) -> CooperativeEncoderDecoder:
    kind = class_of(config.model.get('type'))
    if not (isinstance(kind, type) and issubclass(kind, CooperativeEncoderDecoder)):
        raise ValueError(
            f'{path}: model.type: found {config.model.get("type")!r}, expected a '
            'CooperativeEncoderDecoder, of which a network can be split off'
        )
    return MODELS.build(deepcopy(config.model))


def _check_dropout(model: CooperativeEncoderDecoder, network: str) -> None:
    for target in model.plan.demand(network).fused:
        connection = model.plan.incoming[target]
        if not connection.dropout:
            raise ValueError(
                f'--alone: {network} receives feature maps (at {target}) and has never '
                'been trained without them; leave out --alone, or train with '
                'connections.dropout'
            )


def _ordinary(
    model: CooperativeEncoderDecoder, config: Mapping[str, Any], network: str
) -> dict[str, Any]:
    """Make the config of a network as an ordinary model."""
    own = model.configs[network]
    common, seen = config.get('data_preprocessor'), loaded_channels(model)
    if own.inputs is not None and own.inputs != tuple(range(seen)):
        raise ValueError(
            f'networks.{network}.inputs: found {list(own.inputs)}, not all {seen} '
            "channels of the image, which an ordinary network takes; it can't be "
            'written as one'
        )
    found = dict(own.model)
    test_cfg = {k: v for k, v in model.test_cfg.items() if k != 'predict'}
    if common is not None or own.data_preprocessor:
        default = dict(type='SegDataPreProcessor')
        found['data_preprocessor'] = {
            **default,
            **(common or {}),
            **(own.data_preprocessor or {}),
        }
    return {**found, 'type': short_name(found['type']), 'test_cfg': test_cfg}
