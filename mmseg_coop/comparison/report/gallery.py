"""Gallery of the images on which a method gains and loses most."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmseg.registry import DATASETS, MODELS

from ...checkpoints.safe_load import enable_safe_loading
from ...evaluation.model_identity import model_identity
from ...evaluation.results import iou
from ...models.checkpoint_weights import load_weights
from ...palette import full_palette
from ...quiet import quiet_loggers
from ...unwrap import unwrap
from ..comparison import Comparison, Method
from ..runs import Run

_IGNORED = 255


@dataclass(frozen=True)
class Exhibit:
    """An image (H, W, 3) in RGB, with the label maps (H, W) of truth and methods.

    The gain is the best method's mIoU on this image minus the baseline's, in points.
    """

    name: str
    gain: float
    image: np.ndarray
    label: np.ndarray
    predictions: dict[str, np.ndarray]


@dataclass(frozen=True)
class Gallery:
    """A comparison of the best method with a baseline on images.

    Half of the images have its largest gains, half its largest losses.
    """

    method: Method
    baseline: Method
    exhibits: list[Exhibit]
    # RGB colours of classes and of ignored pixels, (256, 3).
    palette: np.ndarray
    # Colours of pixels that only a method, or only the baseline, predicts correctly.
    fixed = (0, 158, 115)
    broken = (213, 94, 0)

    def pictures(self, exhibit: Exhibit) -> dict[str, np.ndarray]:
        """Draw ground truth and predictions beside the image, (H, W, 3) in RGB."""
        maps = {'ground truth': exhibit.label, **exhibit.predictions}
        drawn = {title: self.palette[label_map] for title, label_map in maps.items()}
        return {'image': exhibit.image, **drawn}

    def difference(self, exhibit: Exhibit, method: str) -> np.ndarray:
        """Draw the pixels that only a method or only the baseline has right."""
        maps = exhibit.predictions
        right = maps[method] == exhibit.label
        was_right = maps[self.baseline.label] == exhibit.label
        picture = np.full((*exhibit.label.shape, 3), 225, np.uint8)
        picture[right & ~was_right] = self.fixed
        picture[~right & was_right] = self.broken
        picture[exhibit.label == _IGNORED] = 90
        return picture


def make_gallery(comparison: Comparison, count: int) -> Gallery | None:
    """Choose images, and predict them with the first run of each method.

    The best method is compared with the single network, or else with the first method.

    Returns:
        None if there is only one method, or no image with labels.

    Raises:
        FileNotFoundError: If the config or checkpoint of a method is gone.
        ValueError: If the weights or the data are others than those of the test.
    """
    if len(comparison.methods) < 2:
        return None
    best = max(comparison.methods, key=lambda method: method.miou)
    baseline = comparison.baseline(best, 'single') or comparison.methods[0]
    if baseline is best:
        best = comparison.methods[1]
    gains = _image_miou(best) - _image_miou(baseline)
    chosen = _extremes(gains, count)
    if not chosen:
        return None
    predictions = {
        method.label: _predict(method.runs[0], chosen) for method in comparison.methods
    }
    # Images of test-time augmentation may have another size.
    plain = next((m for m in comparison.methods if not m.tta), baseline).runs[0]
    exhibits = []
    for place, item in enumerate(_items(plain, chosen)):
        image, label = _image_and_label(item)
        name = Path(plain.results.images[chosen[place]]).name
        gain = float(gains[chosen[place]])
        own = {method: maps[place] for method, maps in predictions.items()}
        exhibits.append(Exhibit(name, gain, image, label, own))
    palette = full_palette(plain.results.palette, len(comparison.classes))
    return Gallery(best, baseline, exhibits, palette)


def find_checkpoint(run: Run) -> Path:
    """Find the checkpoint that was tested."""
    name = f'iter_{run.meta["iteration"]}.pth'
    # Unknown where one Runner has trained and tested.
    path = Path(run.meta.get('checkpoint') or run.folder / name)
    for folder in (path.parent, run.folder):
        for found in (folder / path.name, *folder.glob(f'best_*_{path.name}')):
            if found.is_file():
                return found
    raise FileNotFoundError(
        f'{run.file}: the checkpoint it was made with is gone, expected {path}; test '
        'another one with tools/test.py, or leave the gallery out with --gallery 0'
    )


def _extremes(gains: np.ndarray, count: int) -> list[int]:
    """Indices of the images with the largest gains and with the largest losses."""
    order = [int(i) for i in np.argsort(-gains) if not np.isnan(gains[i])]
    count = min(count, len(order))
    return order[: count - count // 2] + order[len(order) - count // 2 :]


def _image_miou(method: Method) -> np.ndarray:
    """Compute mIoU of each image over the classes in its ground truth, (I,)."""
    results = method.runs[0].results
    areas = results.areas[results.configured]
    labelled = areas[:, 2] > 0
    values = np.where(labelled, iou(areas), 0).sum(1)
    with np.errstate(invalid='ignore'):
        return values / labelled.sum(1)


def _items(run: Run, places: Sequence[int]) -> list[dict]:
    """Load items of the tested dataset, by its pipeline."""
    config = run.config()
    loader = config.test_dataloader
    if not run.file.stem.startswith('test'):
        loader = config.val_dataloader or loader
    dataset = DATASETS.build(loader.dataset)
    items = [dataset[i] for i in places]
    for i, item in zip(places, items, strict=True):
        found, expected = _first(item['data_samples']).img_path, run.results.images[i]
        if Path(found).name != Path(expected).name:
            raise ValueError(
                f'{run.file}: image {i} of the dataset is {found}, expected '
                f'{expected}; the data have changed, test again'
            )
    return items


@torch.no_grad()
def _predict(run: Run, places: Sequence[int]) -> list[np.ndarray]:
    """Predict label maps (H, W) of items of the tested dataset."""
    enable_safe_loading()
    checkpoint = None if run.joined else find_checkpoint(run)
    model = MODELS.build(run.config().model).eval()
    if run.joined:
        # MMEngine logs the origin of each parameter.
        logger = MMLogger.get_current_instance()
        with quiet_loggers(logger, level=logging.WARNING):
            unwrap(model).init_weights()
    else:
        load_weights(unwrap(model), str(checkpoint))
    # Unknown in files of earlier versions.
    tested = run.meta.get('model')
    if tested and tested['weights'] != model_identity(model)['weights']:
        raise ValueError(
            f'{run.file}: these weights were trained again after the test; test again '
            'with tools/test.py, or leave the gallery out with --gallery 0'
        )
    samples = [
        model.test_step(pseudo_collate([item]))[0] for item in _items(run, places)
    ]
    return [sample.pred_sem_seg.data[0].numpy().astype(np.uint8) for sample in samples]


def _image_and_label(item: dict) -> tuple[np.ndarray, np.ndarray]:
    """Get the image (H, W, 3) in RGB and the label (H, W), of the same size."""
    sample = _first(item['data_samples'])
    label = sample.gt_sem_seg.data[0].numpy().astype(np.uint8)
    # Channels of other modalities come after those of the image.
    image = _first(item['inputs'])[:3].numpy().transpose(1, 2, 0)[..., ::-1]
    return mmcv.imresize(image, label.shape[::-1]), label


def _first(views: Any) -> Any:
    """First view of test-time augmentation, or the only one."""
    return views[0] if isinstance(views, list) else views
