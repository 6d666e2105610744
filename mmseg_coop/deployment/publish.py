"""Write a trained model into a folder that can be shared."""

import json
from collections import OrderedDict
from copy import deepcopy
from pathlib import Path

from mmengine.config import Config

from ..apis.model_files import CONFIG, LABELS, WEIGHTS
from ..apis.predict import Predictor
from ..checkpoints.atomic_backend import new_folder
from ..checkpoints.safe_load import read_checkpoint
from ..checkpoints.safetensors import save_safetensors
from ..checkpoints.training_record import training_runs_of
from ..models.checkpoint_weights import weights_of
from .model_card import model_card
from .model_folder import make_standalone
from .published_results import find_tested, read_labels


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
    model, classes = predictor.model, predictor.classes
    palette = predictor.palette[: len(classes)].tolist()
    tested, untested = find_tested(model, Path(checkpoint), run)
    # A published folder keeps its name.
    file = Path(config.filename)
    name = read_labels(file.parent).get('name', file.stem)
    whole = deepcopy(config)
    make_standalone(whole)
    whole.dump(str(part / CONFIG))
    saved = read_checkpoint(checkpoint, 'cpu')
    meta = dict(saved.get('meta', {}))
    # The config of the training run has paths of its machine; the folder has a config.
    meta.pop('cfg', None)
    meta['dataset_meta'] = dict(classes=classes, palette=palette)
    found = saved.get('state_dict', saved)
    weights = OrderedDict(weights_of(found))
    weights._metadata = getattr(found, '_metadata', {})
    save_safetensors(dict(state_dict=weights, meta=meta), part / WEIGHTS)
    labels = dict(
        library_name='mmseg_coop',
        architectures=[type(model).__name__],
        id2label=dict(enumerate(classes)),
        label2id={label: i for i, label in enumerate(classes)},
        palette=palette,
        data_preprocessor=whole.model.get('data_preprocessor'),
        test_pipeline=whole.get('test_pipeline'),
        name=name,
        tested=tested,
    )
    (part / LABELS).write_text(f'{json.dumps(labels, indent=2)}\n')
    card = model_card(model, labels, untested, training_runs_of(meta))
    (part / 'README.md').write_text(card)
