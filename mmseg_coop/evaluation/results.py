"""Store the results of a validation or test for each image."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoints.atomic_backend import AtomicBackend
from .calibration import ece, nll
from .counts import BOTH_RIGHT, BOTH_WRONG_ALIKE, ONLY_FIRST, ONLY_SECOND

FOLDER = 'results'
ORACLE = 'oracle'
# Further metrics of each network and the mean, besides IoU.
RELIABILITY = ('ECE', 'NLL', 'mBIoU')
_FORMAT = 1
_ALIKE = [BOTH_RIGHT, BOTH_WRONG_ALIKE]
# Attributes that are arrays by name; a file may lack them.
_GROUPS = ('areas', 'pairs', 'borders', 'calibration')


@dataclass
class Results:
    """Counts of each image.

    Attributes:
        classes: Names of the classes, C of them.
        palette: RGB colours of the classes, or None.
        images: Path of each image, I of them.
        configured: The selected prediction: a network, ``mean``, or
            ``prediction`` for a model with one network.
        areas: For each prediction intersection, predicted and labelled pixels by
            image and class, (I, 3, C).
        pairs: For each two networks, as in ``top-bottom``, pixels by class for which
            both are wrong, both predict the same wrong class, only the second is right,
            only the first is right, or both are right, (C, 5).
        borders: As ``areas``, of the pixels near a border of their class; empty in
            files written before there was Boundary IoU.
        calibration: For each prediction pixels, right pixels, confidence and NLL by
            image and bin of confidence, (I, 4, BINS); empty if there were no
            probabilities.
        meta: Origin of the results: config, checkpoint, dataset, seed, ...
    """

    classes: list[str]
    palette: list | None
    images: list[str]
    configured: str
    areas: dict[str, np.ndarray]
    pairs: dict[str, np.ndarray] = field(default_factory=dict)
    borders: dict[str, np.ndarray] = field(default_factory=dict)
    calibration: dict[str, np.ndarray] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def predictions(self) -> list[str]:
        """Names of the networks in their order and ``mean``, without the oracle."""
        return [name for name in self.areas if name != ORACLE]

    def iou(self, name: str | None = None) -> np.ndarray:
        """IoU of each class in percent, (C,), of the selected prediction."""
        return iou(self.areas[name or self.configured].sum(0))

    def miou(self, name: str | None = None) -> float:
        """Mean IoU over the classes that occur, in percent."""
        return float(np.nanmean(self.iou(name)))

    def reliability(self, name: str) -> dict[str, float]:
        """``ECE`` in percent, ``NLL``, and ``mBIoU`` in percent, where available."""
        values = {}
        if name in self.calibration:
            sums = self.calibration[name].sum(0, dtype=float)
            values |= dict(ECE=float(ece(sums)), NLL=float(nll(sums)))
        if name in self.borders:
            values['mBIoU'] = float(np.nanmean(iou(self.borders[name].sum(0))))
        return values

    def pair_shares(self, total: bool = False) -> dict[str, np.ndarray]:
        """Percent of each class's pixels on which two networks agree, (C,) each.

        Also those for which only one of the two is right. In total, over all classes.
        """
        shares = {}
        for pair, counts in self.pairs.items():
            first, second = pair.split('-')
            counted = counts.sum(0) if total else counts
            with np.errstate(invalid='ignore'):
                percent = 100 * counted / counted.sum(-1, keepdims=True)
            several = f' ({pair})' if len(self.pairs) > 1 else ''
            shares[f'agree{several}'] = percent[..., _ALIKE].sum(-1)
            shares[f'only {first}{several}'] = percent[..., ONLY_FIRST]
            shares[f'only {second}{several}'] = percent[..., ONLY_SECOND]
        return shares

    def agreement(self) -> float:
        """Percent of labelled pixels on which two networks agree, over all pairs."""
        counts = sum(self.pairs.values()).sum(0)
        with np.errstate(invalid='ignore'):
            return float(100 * counts[_ALIKE].sum() / counts.sum())

    def save(self, path: Path) -> None:
        """Write to a ``.npz`` file, atomically."""
        header = dict(
            format=_FORMAT,
            classes=self.classes,
            palette=self.palette,
            images=self.images,
            configured=self.configured,
            meta=self.meta,
        )
        arrays = {
            f'{group}/{name}': values
            for group in _GROUPS
            for name, values in getattr(self, group).items()
        }
        data = io.BytesIO()
        np.savez_compressed(data, header=json.dumps(header), **arrays)
        AtomicBackend().put(data.getvalue(), path)

    @classmethod
    def load(cls, path: Path) -> 'Results':
        """Read a file that ``save`` wrote.

        Raises:
            ValueError: If the file is another one.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            header = json.loads(str(arrays.pop('header')))
            if header.pop('format') != _FORMAT:
                raise KeyError('format')
            groups: dict[str, dict] = {group: {} for group in _GROUPS}
            for key, values in arrays.items():
                group, _, name = key.partition('/')
                # Later versions may have more.
                if group in groups:
                    groups[group][name] = values
            results = cls(**header, **groups)
        except Exception as error:
            raise ValueError(
                f'{path}: no results that CoopIoUMetric wrote; test again with '
                'tools/test.py'
            ) from error
        return results


def iou(areas: np.ndarray) -> np.ndarray:
    """IoU in percent, (..., C), from (..., 3, C); NaN for classes without pixels."""
    intersect, predicted, labelled = np.moveaxis(areas, -2, 0).astype(float)
    with np.errstate(invalid='ignore'):
        return 100 * intersect / (predicted + labelled - intersect)


def mean_iou(areas: np.ndarray) -> np.ndarray:
    """Compute mIoU in percent over the classes that occur, (...), from (..., 3, C)."""
    values = iou(areas)
    occurs = ~np.isnan(values)
    return np.where(occurs, values, 0).sum(-1) / np.maximum(occurs.sum(-1), 1)
