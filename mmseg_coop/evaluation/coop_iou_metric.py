"""IoU of every network and of their mean, in one pass over the data."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from mmengine.logging import MMLogger, print_log
from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample
from prettytable import PrettyTable
from torch import Tensor

from ..models.expect import expect
from ..models.finite import check_finite
from ..models.mean_of_probabilities import MEAN
from ..models.segmentors.predict_labels import LABEL_FIELD, Collect, Collector
from .calibration import CALIBRATION_FIELD, Calibration
from .counts import count
from .results import ORACLE, Results


@METRICS.register_module()
class CoopIoUMetric(IoUMetric):
    """MMSegmentation's IoU for the selected prediction and for each network.

    ``mIoU``, ``aAcc`` and ``mAcc`` are those of the selected prediction. Each network,
    and the mean of their probabilities, has its own, as in ``top/mIoU``,
    ``bottom/mIoU``, ``mean/mIoU``. All of them equal those of ``IoUMetric``. Two more,
    in percent, compare the networks: ``agreement``, the labelled pixels on which two
    networks agree, and ``oracle/mIoU``, for which a pixel is right if any network is.

    Each prediction also has ``mBIoU``, Boundary IoU (of the pixels within 1/50 of the
    image's diagonal from a border of their class), ``ECE``, the expected calibration
    error with 15 bins over all pixels, both in percent, and ``NLL`` in nats.

    ``CoopValLoop`` and ``CoopTestLoop`` predict the networks' label maps and
    probabilities, or ``CoopEvaluationHook`` adds them. Without these there are neither
    ECE nor NLL. For a model with one network, metrics have the names of the selected
    prediction.

    Its arguments are those of ``IoUMetric``.

    Attributes:
        last: The results of the last evaluation, in the main process.

    Raises:
        ValueError: If ``iou_metrics`` has one that ``IoUMetric`` would refuse after the
            first evaluation.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        named = [self.metrics] if isinstance(self.metrics, str) else self.metrics
        known = {'mIoU', 'mDice', 'mFscore'}.issuperset(named)
        key = 'CoopIoUMetric.iou_metrics'
        expect(key, self.metrics, known, 'a list of mIoU, mDice, mFscore')
        self.last: Results | None = None
        self._writer = None
        if self.output_dir is not None:
            self._writer = IoUMetric(output_dir=self.output_dir, format_only=True)

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count each image, and write its label map if there is an ``output_dir``.

        Args:
            data_batch: Not used.
            data_samples: With ``pred_sem_seg``, ``gt_sem_seg`` and, of each network,
                ``pred_sem_seg_<network>``; (1, H, W) each.

        Raises:
            ValueError: If there are ``seg_logits`` that are not finite.
        """
        if self._writer is not None:
            self._writer.dataset_meta = self.dataset_meta
            self._writer.process(data_batch, data_samples)
        if not self.format_only:
            self.results.extend(map(self._count, data_samples))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Compute the metrics of all images.

        Args:
            results: The counts of each image, in order.

        Returns:
            The metrics in percent; of a network as in ``top/mIoU``.
        """
        if self.format_only:
            return super().compute_metrics(results)
        self.last = last = self._gather(results)
        metrics = super().compute_metrics(_host_areas(last.areas[last.configured]))
        metrics |= _rounded(last.reliability(last.configured))
        if len(last.areas) == 1:
            return metrics
        table = PrettyTable()
        table.add_column('Class', last.classes)
        for name, areas in last.areas.items():
            values = self._evaluate(areas)
            metrics |= {
                f'{name}/{key}': value
                for key, value in means(values).items()
                if name != ORACLE or key == 'mIoU'
            }
            more = _rounded(last.reliability(name))
            metrics |= {f'{name}/{key}': value for key, value in more.items()}
            if 'IoU' in values:
                table.add_column(f'IoU {name}', np.round(values['IoU'] * 100, 2))
        for column, shares in last.pair_shares().items():
            table.add_column(column, np.round(shares, 2))
        metrics['agreement'] = round(last.agreement(), 2)
        logger = MMLogger.get_current_instance()
        print_log('IoU and agreement of the networks, in percent:', logger)
        print_log(f'\n{table.get_string()}', logger)
        return metrics

    def _count(self, sample: dict) -> dict:
        if 'seg_logits' in sample:
            check_finite({'': sample['seg_logits']['data'][None]}, [sample])
        configured = sample.get('predict_with', 'prediction')
        networks = sample.get('networks', [configured])
        others = [*networks, MEAN] if 'networks' in sample else []
        maps = {name: _label_map(sample[LABEL_FIELD + name]) for name in others}
        # The model may override how it predicts.
        maps[configured] = _label_map(sample['pred_sem_seg'])
        counts = count(
            _label_map(sample['gt_sem_seg']).to(maps[configured].device),
            list(maps.values()),
            len(networks),
            len(self.dataset_meta['classes']),
            self.ignore_index,
        )
        probabilities = sample.get(CALIBRATION_FIELD, {}).get(self.ignore_index)
        return dict(
            image=sample.get('img_path', ''),
            configured=configured,
            networks=networks,
            names=list(maps),
            counts=counts,
            calibration=probabilities and probabilities.sums(),
        )

    def _gather(self, results: list[dict]) -> Results:
        first = results[0]
        names, counts = first['names'], [result['counts'] for result in results]
        areas, borders = (
            np.stack([c[key] for c in counts], axis=1) for key in ('areas', 'borders')
        )
        pairs = [f'{a}-{b}' for a, b in combinations(first['networks'], 2)]
        oracle = [ORACLE] if pairs else []
        sums = [result['calibration'] for result in results]
        calibration = {}
        if all(s is not None for s in sums):
            # float32 has enough digits, and halves the file.
            stacked = np.stack(sums, axis=1).astype(np.float32)
            calibration = dict(zip(names, stacked, strict=True))
        return Results(
            classes=list(self.dataset_meta['classes']),
            # None, or as lists: of a user's dataset it may be an array.
            palette=np.array(self.dataset_meta.get('palette')).tolist(),
            images=[result['image'] for result in results],
            configured=first['configured'],
            areas=dict(zip([*names, *oracle], areas, strict=True)),
            pairs=dict(zip(pairs, sum(c['pairs'] for c in counts), strict=True)),
            borders=dict(zip(names, borders, strict=True)),
            calibration=calibration,
        )

    def _evaluate(self, areas: np.ndarray) -> dict[str, np.ndarray]:
        """MMSegmentation's metrics of each class, from (I, 3, C)."""
        totals = [sum(parts) for parts in zip(*_host_areas(areas), strict=True)]
        return self.total_area_to_metrics(
            *totals, self.metrics, self.nan_to_num, self.beta
        )


def calibration_of(metrics: Sequence[CoopIoUMetric]) -> Collect:
    """Let ``predict_labels`` sum up probabilities for metrics.

    A sample keeps the sums by ``ignore_index``. Without labels there are none.
    """
    ignored = {metric.ignore_index for metric in metrics}

    def collect(sample: SegDataSample) -> Collector | None:
        if 'gt_sem_seg' not in sample:
            return None
        label = sample.gt_sem_seg.data.squeeze(0)
        sums = {index: Calibration(label, index) for index in ignored}
        sample.set_data({CALIBRATION_FIELD: sums})

        def add(*rows: Mapping[str, Tensor]) -> None:
            for found in sums.values():
                found(*rows)

        return add

    return collect


def _rounded(values: dict[str, float]) -> dict[str, float]:
    """Round metrics for the log; NLL needs more digits."""
    return {k: round(v, 4 if k == 'NLL' else 2) for k, v in values.items()}


def _label_map(field: dict) -> Tensor:
    return field['data'].squeeze(0)


def _host_areas(areas: np.ndarray) -> list[tuple[Tensor, ...]]:
    """Convert counts to the areas that ``IoUMetric`` has for each image."""
    return [
        (intersect, predicted + labelled - intersect, predicted, labelled)
        for intersect, predicted, labelled in torch.from_numpy(areas).float()
    ]


def means(values: dict[str, np.ndarray]) -> dict[str, float]:
    """Average metrics over classes, with the names and rounding of ``IoUMetric``."""
    return {
        key if key == 'aAcc' else f'm{key}': np.round(np.nanmean(value) * 100, 2)
        for key, value in values.items()
    }
