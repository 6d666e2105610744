"""Gallery of the images on which a method gains and loses most."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mmcv
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmseg.registry import DATASETS, MODELS

from ...checkpoints.safe_load import enable_safe_loading
from ...evaluation.results import iou
from ...models.checkpoint_weights import load_weights
from ...palette import full_palette
from ...unwrap import unwrap
from ..comparison import Comparison, Method
from ..runs import Run

IGNORED = 255
# Colours of pixels that only the method, or only the baseline, predicts correctly.
FIXED, BROKEN = (0, 158, 115), (213, 94, 0)
_SAME, _VOID = (225, 225, 225), (90, 90, 90)


@dataclass(frozen=True)
class Picture:
    """A picture with its title: (H, W, 3) in RGB, uint8, or a label map (H, W)."""

    title: str
    pixels: np.ndarray


@dataclass(frozen=True)
class Exhibit:
    """An image with the predictions of every method.

    Attributes:
        image: File name of the image.
        gain: mIoU of the best method minus the baseline's on this image, in points.
        pictures: Image, ground truth, and the predictions.
        differences: For each method, pixels that only it or only the baseline predicts
            correctly.
    """

    image: str
    gain: float
    pictures: list[Picture]
    differences: list[Picture]


@dataclass(frozen=True)
class Gallery:
    """A comparison of methods on images, the largest gain first.

    Attributes:
        method: The best method.
        baseline: The method it is compared with.
        exhibits: The images, half with its largest gains, half with its largest losses.
        palette: RGB colour of each class and of ignored pixels, (256, 3).
    """

    method: Method
    baseline: Method
    exhibits: list[Exhibit]
    palette: np.ndarray


def make_gallery(comparison: Comparison, count: int) -> Gallery | None:
    """Choose images, and predict them with the first run of each method.

    The best method is compared with the single network, or else with the first method.

    Args:
        comparison: Methods whose work dirs have their config and checkpoint.
        count: Number of images.

    Returns:
        None if there is only one method, or no image with labels.

    Raises:
        FileNotFoundError: If a config or checkpoint is gone.
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
    results = baseline.runs[0].results
    palette = full_palette(results.palette, len(results.classes))
    files = [Path(results.images[i]).name for i in chosen]
    predictions = {
        method.label: _predict(method.runs[0], chosen) for method in comparison.methods
    }
    # Images of test-time augmentation may have another size.
    plain = next((m for m in comparison.methods if not m.tta), baseline)
    images, labels = _images_and_labels(plain.runs[0], chosen)
    exhibits = []
    for place, i in enumerate(chosen):
        label = labels[place]
        own = {name: maps[place] for name, maps in predictions.items()}
        exhibits.append(
            Exhibit(
                files[place],
                float(gains[i]),
                [
                    Picture('image', images[place]),
                    Picture('ground truth', label),
                    *(Picture(name, label_map) for name, label_map in own.items()),
                ],
                [
                    Picture(name, _difference(label_map, own[baseline.label], label))
                    for name, label_map in own.items()
                    if name != baseline.label
                ],
            )
        )
    return Gallery(best, baseline, exhibits, palette)


def find_checkpoint(run: Run) -> Path:
    """Find the checkpoint that was tested.

    Raises:
        FileNotFoundError: If it is gone.
    """
    meta = run.results.meta
    if meta.get('checkpoint'):
        path = Path(meta['checkpoint'])
        folders = (path.parent, run.folder)
        candidates = [folder / path.name for folder in folders]
        for folder in folders:
            candidates += sorted(folder.glob(f'best_*_{path.name}'))
    else:
        # Older results do not name their checkpoint.
        name = f'iter_{meta["iteration"]}.pth'
        candidates = [run.folder / name, *sorted(run.folder.glob(f'best_*_{name}'))]
    for path in candidates:
        if path.is_file():
            return path
    raise FileNotFoundError(
        f'{run.file}: the checkpoint it was made with is gone, expected '
        f'{candidates[0]}; test another one with tools/test.py, or leave the gallery '
        'out with --gallery 0'
    )


def check_weights(run: Run) -> None:
    """Check that a run's config and weights are there.

    Raises:
        FileNotFoundError: If they are gone.
    """
    run.config()
    networks = run.results.meta.get('networks_init')
    for path in filter(None, networks or [find_checkpoint(run)]):
        if not Path(path).is_file():
            raise FileNotFoundError(f'{run.file}: {path} is gone')


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
    model = MODELS.build(run.config().model).eval()
    if run.results.meta.get('networks_init'):
        unwrap(model).init_weights()
    else:
        load_weights(unwrap(model), str(find_checkpoint(run)))
    samples = [
        model.test_step(pseudo_collate([item]))[0] for item in _items(run, places)
    ]
    return [sample.pred_sem_seg.data[0].numpy().astype(np.uint8) for sample in samples]


def _images_and_labels(
    run: Run, places: Sequence[int]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Load images (H, W, 3) in RGB and labels (H, W), of the same size."""
    images, labels = [], []
    for item in _items(run, places):
        sample = _first(item['data_samples'])
        label = sample.gt_sem_seg.data[0].numpy().astype(np.uint8)
        # Channels of other modalities come after those of the image.
        image = _first(item['inputs'])[:3].numpy().transpose(1, 2, 0)[..., ::-1]
        images.append(mmcv.imresize(image, label.shape[::-1]))
        labels.append(label)
    return images, labels


def _first(views: Any) -> Any:
    """First view of test-time augmentation, or the only one."""
    return views[0] if isinstance(views, list) else views


def _difference(
    prediction: np.ndarray, baseline: np.ndarray, label: np.ndarray
) -> np.ndarray:
    """Draw the pixels that only the prediction or only the baseline has right."""
    right, was_right = prediction == label, baseline == label
    picture = np.full((*label.shape, 3), _SAME, np.uint8)
    picture[right & ~was_right] = FIXED
    picture[~right & was_right] = BROKEN
    picture[label == IGNORED] = _VOID
    return picture
