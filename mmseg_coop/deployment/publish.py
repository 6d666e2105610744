"""Write a trained model into a folder that can be shared."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..apis.model_files import CARD, CONFIG, LABELS, WEIGHTS
from ..apis.predict import Predictor
from ..checkpoints.atomic_folder import new_folder
from ..checkpoints.safe_load import read_checkpoint
from ..checkpoints.safetensors import save_safetensors
from ..checkpoints.training_record import trainings_of
from ..cost.flops import prediction_flops
from ..models.checkpoint_weights import weights_of
from ..models.segmentors.image_shape import preprocessed_shape
from .model_card import Card, model_card
from .model_folder import make_standalone
from .published_results import find_tested, predicted_by


def publish(config: Config, checkpoint: str, out: Path, run: str | None = None) -> None:
    """Write config, weights, classes and a model card into a new folder.

    Args:
        config: The config.
        checkpoint: A checkpoint file of it.
        out: The folder, new or empty; it is written completely or not at all.
        run: Work dir with test results of these weights. Default: that of the
            checkpoint, if it has such results.

    Raises:
        FileExistsError: If the folder is not empty.
        FileNotFoundError: If the checkpoint or the results of ``run`` are missing.
        ValueError: If the checkpoint does not fit the config or would run code, or the
            results of ``run`` are of another model.
    """
    with new_folder(out) as part:
        _fill(part, config, checkpoint, run)


def _fill(part: Path, config: Config, checkpoint: str, run: str | None) -> None:
    predictor = Predictor(config, checkpoint, 'cpu')
    saved = read_checkpoint(checkpoint, 'cpu')
    tested, why = find_tested(predictor.model, Path(checkpoint), run)
    model = predictor.model
    shape = preprocessed_shape(model)
    card = Card(
        name=_name(config),
        classes=predictor.classes,
        parameters=sum(p.numel() for p in model.parameters()),
        flops=prediction_flops(model, shape),
        size=shape[1:],
        tested=tested,
        untested=why,
        predicted_by=predicted_by(model),
        trainings=trainings_of(saved.get('meta', {})),
    )
    whole = deepcopy(config)
    make_standalone(whole)
    whole.dump(str(part / CONFIG))
    save_safetensors(_labelled(saved, predictor), part / WEIGHTS)
    labels = _labels(whole, predictor) | dict(name=card.name)
    labels |= dict(tested=tested.as_json()) if tested else {}
    (part / LABELS).write_text(f'{json.dumps(labels, indent=2)}\n')
    (part / CARD).write_text(model_card(card))


def _name(config: Config) -> str:
    """Name of a config; for a published folder the name in its ``config.json``."""
    file = Path(config.filename)
    try:
        return str(json.loads((file.parent / LABELS).read_text())['name'])
    except (OSError, ValueError, KeyError, TypeError):
        return file.stem


def _labelled(saved: Mapping[str, Any], predictor: Predictor) -> dict[str, Any]:
    """Add classes and palette to the meta information of a checkpoint."""
    meta = dict(saved.get('meta', {}))
    # The config of the training run has paths of its machine; the folder has a config.
    meta.pop('cfg', None)
    meta['dataset_meta'] = dict(classes=predictor.classes, palette=_palette(predictor))
    found = saved.get('state_dict', saved)
    weights = OrderedDict(weights_of(found))
    weights._metadata = getattr(found, '_metadata', {})
    return dict(state_dict=weights, meta=meta)


def _labels(config: Mapping[str, Any], predictor: Predictor) -> dict[str, Any]:
    """Make the contents of ``config.json``, which the Hugging Face hub reads."""
    names = dict(enumerate(predictor.classes))
    return dict(
        library_name='mmseg_coop',
        architectures=[type(predictor.model).__name__],
        id2label=names,
        label2id={name: i for i, name in names.items()},
        palette=_palette(predictor),
        data_preprocessor=config['model'].get('data_preprocessor'),
        test_pipeline=config.get('test_pipeline'),
    )


def _palette(predictor: Predictor) -> list[list[int]]:
    return predictor.palette[: len(predictor.classes)].tolist()
