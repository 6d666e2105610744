"""Split a network off a trained cooperative model."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS

from ..apis.runner import read_config
from ..checkpoints.training_record import training_runs_of
from ..models import CooperativeEncoderDecoder
from ..models.checkpoint_weights import load_weights, part_of
from ..models.plan import SiteRef
from ..models.segmentors.image_shape import loaded_channels
from .config_to_mmseg import strip_package, to_host
from .model_folder import make_standalone, write_model
from .rename_networks import take_over_settings
from .smaller_model import build_smaller, needed_targets, smallest_config


def split(
    config: str,
    checkpoint: str,
    network: str,
    out: str | Path,
    alone: bool = False,
    options: Mapping[str, Any] | None = None,
) -> str:
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

    Returns:
        A description of the files.

    Raises:
        FileNotFoundError: If a file is missing.
        FileExistsError: If the folder exists.
        ValueError: If the model is not cooperative, has no such network, does not fit
            the checkpoint, or the network was trained without connection dropout
            (``alone``).
    """
    whole = read_config(config, dict(options or {}))
    model = build_cooperative(whole)
    meta = load_weights(model, checkpoint, 'CHECKPOINT').get('meta', {})
    if network not in model.networks:
        raise ValueError(
            f'--network: found {network!r}, expected one of {", ".join(model.networks)}'
        )
    fed = needed_targets(model, network)
    if fed and not alone:
        smaller, names = smallest_config(model, whole.model, network, fed)
        weights = model.state_dict()
    else:
        _check_dropout(model, network, fed)
        smaller, names = to_host(_ordinary(model, whole.model, network)), {}
        weights = part_of(model.state_dict(), f'networks.{network}')
    whole.model = ConfigDict(smaller)
    make_standalone(whole)
    needs = strip_package(whole)
    built = build_smaller(whole.model, weights, names)
    kept = getattr(built, 'networks', ())
    take_over_settings(whole, list(model.networks), network, ordinary=not kept)
    name = f'{Path(whole.filename).stem}_{network}'
    training_runs = training_runs_of(meta, network)
    written = write_model(out, name, whole, built.state_dict(), meta, training_runs)
    kind = 'an ordinary model of MMSegmentation'
    if kept:
        kind = f'a cooperative model of {", ".join(kept)}'
    after, before = (sum(p.numel() for p in m.parameters()) for m in (built, model))
    size = f'{after / 1e6:.3g} M of {before / 1e6:.3g} M parameters'
    needed = f'\nIt needs mmseg_coop for {", ".join(needs)}' if needs else ''
    return f'{written}\n{kind}, {size}{needed}'


def build_cooperative(config: Config) -> CooperativeEncoderDecoder:
    """Build the model of a config.

    Raises:
        ValueError: If it is no cooperative model.
    """
    model = MODELS.build(deepcopy(config.model))
    if not isinstance(model, CooperativeEncoderDecoder):
        raise ValueError(
            f'{config.filename}: model.type: found {config.model.type!r}, expected a '
            "'CooperativeEncoderDecoder', whose networks cooperate"
        )
    return model


def _check_dropout(
    model: CooperativeEncoderDecoder, network: str, targets: Iterable[SiteRef]
) -> None:
    """Check that a network was also trained without what it receives at targets."""
    for target in targets:
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
    own, seen = model.configs[network], loaded_channels(model)
    if own.inputs is not None and own.inputs != tuple(range(seen)):
        raise ValueError(
            f'networks.{network}.inputs: found {list(own.inputs)}, not all {seen} '
            "channels of the image, which an ordinary network takes; it can't be "
            'written as one'
        )
    test_cfg = {k: v for k, v in model.test_cfg.items() if k != 'predict'}
    found = {**own.model, 'test_cfg': test_cfg}
    preprocessor = {
        **(config.get('data_preprocessor') or {}),
        **(own.data_preprocessor or {}),
    }
    if preprocessor:
        found['data_preprocessor'] = {'type': 'SegDataPreProcessor', **preprocessor}
    return found
