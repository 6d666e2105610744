"""The README of a published model, made from its run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mmcv
import mmengine
import mmseg
import torch

from ..comparison.render import markdown
from ..comparison.runs import Run
from ..comparison.table import Table, number_cell, text_cell
from ..version import __version__


@dataclass(frozen=True)
class Card:
    """Contents of a model card.

    Attributes:
        name: Of the config.
        classes: Names of the classes.
        parameters: How many there are.
        flops: Of predicting an image, None if not counted.
        size: Height and width of that image.
        run: With the results of a test, or None.
        meta: Of the checkpoint.
    """

    name: str
    classes: Sequence[str]
    parameters: int
    flops: int | None
    size: tuple[int, int]
    run: Run | None
    meta: Mapping[str, Any]


def model_card(card: Card) -> str:
    """Markdown, with the head that the Hugging Face hub reads."""
    return '\n'.join(
        (
            *_head(card),
            f'# {card.name}\n',
            'A semantic segmentation model of mmseg_coop, for MMSegmentation: networks '
            'that share feature maps while they train.\n',
            *_use(),
            *_results(card),
            *_cost(card),
            *_training(card),
            '## Classes\n',
            ', '.join(card.classes),
            '',
        )
    )


def _head(card: Card) -> Iterator[str]:
    yield '---'
    yield 'library_name: mmseg_coop'
    yield 'pipeline_tag: image-segmentation'
    yield 'tags: [semantic-segmentation, mmsegmentation, mmseg_coop]'
    if card.run is not None:
        yield 'model-index:'
        yield f'- name: {card.name}'
        yield '  results:'
        yield '  - task: {type: image-segmentation}'
        dataset = card.run.results.meta.get('dataset') or 'unknown'
        yield f'    dataset: {{name: {dataset}, type: {dataset}}}'
        miou = card.run.results.miou()
        yield f'    metrics: [{{type: mean_iou, value: {miou:.2f}}}]'
    yield '---\n'


def _use() -> Iterator[str]:
    yield '## Use\n'
    yield '```python'
    yield 'from mmseg_coop.apis import Predictor\n'
    yield "prediction = Predictor('this/folder')('image.jpg')"
    yield '```\n'


def _results(card: Card) -> Iterator[str]:
    yield '## Results\n'
    if card.run is None:
        yield 'None: the run has no results of a test.\n'
        return
    results = card.run.results
    dataset = results.meta.get('dataset') or 'the test data'
    rows = []
    for name in results.areas:
        selected = ' (selected)' if name == results.configured else ''
        values = map(number_cell, (results.miou(name), *results.iou(name)))
        rows.append([text_cell(f'{name}{selected}'), *values])
    title = f'{len(results.images)} images of {dataset}.'
    yield markdown(Table(title, ['prediction', 'mIoU', *results.classes], rows))


def _cost(card: Card) -> Iterator[str]:
    yield '## Cost\n'
    yield f'- {card.parameters / 1e6:.2f} M parameters'
    if card.flops is not None:
        size = ' x '.join(map(str, card.size))
        yield f'- {card.flops / 1e9:.2f} GFLOPs to predict an image of {size}'
    yield ''


def _training(card: Card) -> Iterator[str]:
    yield '## Training\n'
    yield f'```shell\npython tools/train.py {card.name}.py\n```\n'
    done = [f'{key} {card.meta[key]}' for key in ('seed', 'iter') if key in card.meta]
    versions = ', '.join(
        f'{name} {module}'
        for name, module in (
            ('mmseg_coop', __version__),
            ('mmsegmentation', mmseg.__version__),
            ('mmcv', mmcv.__version__),
            ('mmengine', mmengine.__version__),
            ('torch', torch.__version__),
        )
    )
    yield f'{", ".join([*done, "published with " + versions])}.\n'
