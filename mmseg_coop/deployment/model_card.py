"""Write the model card of a published model."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmseg.models.segmentors import EncoderDecoder

from ..checkpoints.training_record import versions
from ..comparison.table import Table, number_cell, text_cell
from ..comparison.table_formats import markdown
from ..cost.flops import prediction_flops
from ..models.segmentors.image_shape import preprocessed_shape
from .published_results import predicted_by

# Keys of a training run that are listed if known, and those whose absence is noted.
_FACTS = ('config', 'seed', 'iter', 'epoch', 'time')
_EXPECTED = ('command', 'seed')
_HEAD = """\
---
library_name: mmseg_coop
pipeline_tag: image-segmentation
tags: [semantic-segmentation, mmsegmentation, mmseg_coop]"""
_RESULT = """\
model-index:
- name: {name}
  results:
  - task: {{type: image-segmentation}}
    dataset: {{name: {dataset}, type: {dataset}}}
    metrics: [{{type: mean_iou, value: {miou:.2f}}}]"""
_USE = """\
A semantic segmentation model of mmseg_coop, for MMSegmentation: networks that share \
feature maps while they train.

## Use

```python
from mmseg_coop.apis import Predictor

prediction = Predictor('this/folder')('image.jpg')
```

## Results
"""


def model_card(
    model: EncoderDecoder,
    labels: Mapping[str, Any],
    untested: str,
    training_runs: Sequence[Mapping[str, Any]],
) -> str:
    """Write a card as Markdown, with the header that the Hugging Face hub reads.

    Args:
        model: The model.
        labels: Its ``config.json``: ``name``, ``id2label``, and ``tested``, the results
            of :func:`find_tested`, or None.
        untested: Reason why there are no results.
        training_runs: Training runs that the checkpoint comes from, as far as recorded.
    """
    name, tested, predicted = labels['name'], labels['tested'], predicted_by(model)
    head, results = _HEAD, f'None: {untested}.\n'
    if tested is not None:
        miou = _values(tested, predicted)[0]
        result = _RESULT.format(name=name, dataset=tested['dataset'], miou=miou)
        head, results = f'{_HEAD}\n{result}', _results(tested, predicted)
    parameters = sum(p.numel() for p in model.parameters())
    shape = preprocessed_shape(model)
    flops = prediction_flops(model, shape)
    lines = [
        f'{head}\n---\n',
        f'# {name}\n',
        _USE,
        results,
        '## Cost\n',
        f'- {parameters / 1e6:.2f} M parameters',
        f'- {flops / 1e9:.2f} GFLOPs to predict an image of {shape[1]} x {shape[2]}\n',
        '## Training\n',
        *(part for training in training_runs for part in _training(training)),
        *([] if training_runs else ['The checkpoint has no record of its training.\n']),
        f'Published with {_listed(versions())}.\n',
        '## Classes\n',
        f'{", ".join(labels["id2label"].values())}\n',
    ]
    return '\n'.join(lines)


def _results(tested: Mapping[str, Any], predicted_by: str) -> str:
    rows = []
    for name in tested['iou']:
        selected = ' (selected)' if name == predicted_by else ''
        cells = map(number_cell, _values(tested, name))
        rows.append([text_cell(f'{name}{selected}'), *cells])
    title = f'{tested["images"]} images of {tested["dataset"]}.'
    columns = ['prediction', 'mIoU', *tested['classes']]
    return markdown(Table(title, columns, rows))


def _values(tested: Mapping[str, Any], name: str) -> list[float]:
    """List mIoU and IoU of each class; NaN for classes that do not occur."""
    values = [float('nan') if x is None else x for x in tested['iou'][name]]
    return [float(np.nanmean(values)), *values]


def _training(training: Mapping[str, Any]) -> Iterator[str]:
    """Describe a training run, and name what is not recorded."""
    if 'network' in training:
        yield f'### {training["network"]}\n'
    if 'command' in training:
        yield f'```shell\n{training["command"]}\n```\n'
    yield f'{"; ".join(_facts(training))}.\n'


def _facts(training: Mapping[str, Any]) -> Iterator[str]:
    for key in _FACTS:
        # MMEngine records epoch 0 where training counts iterations.
        if key in training and (key, training[key]) != ('epoch', 0):
            yield f'{key} {training[key]}'
    if training.get('processes', 1) > 1:
        yield f'{training["processes"]} processes'
    for key in _EXPECTED:
        if key not in training:
            yield f'no {key} recorded'
    used = training.get('versions') or {}
    yield f'trained with {_listed(used)}' if used else 'no versions recorded'


def _listed(known: Mapping[str, str]) -> str:
    return ', '.join(f'{name} {version}' for name, version in known.items())
