"""Write the model card of a published model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..checkpoints.training_record import versions
from ..comparison.table import Table, number_cell, text_cell
from ..comparison.table_formats import markdown
from .published_results import Tested

# Keys of a training run that are listed if known, and those whose absence is noted.
_FACTS = ('config', 'seed', 'iter', 'epoch', 'time')
_EXPECTED = ('command', 'seed')
_USE = """\
## Use

```python
from mmseg_coop.apis import Predictor

prediction = Predictor('this/folder')('image.jpg')
```
"""


@dataclass(frozen=True)
class Card:
    """Contents of a model card.

    Attributes:
        name: Name of the config.
        classes: Names of the classes.
        parameters: Number of parameters.
        flops: FLOPs of predicting an image.
        size: Height and width of that image.
        tested: Test results, or None.
        untested: Reason why there are none.
        predicted_by: Name of the selected prediction.
        trainings: Training runs that the checkpoint comes from, as far as recorded.
    """

    name: str
    classes: Sequence[str]
    parameters: int
    flops: int
    size: tuple[int, int]
    tested: Tested | None
    untested: str
    predicted_by: str
    trainings: Sequence[Mapping[str, Any]]


def model_card(card: Card) -> str:
    """Write a card as Markdown, with the header that the Hugging Face hub reads."""
    return '\n'.join(
        (
            *_head(card),
            f'# {card.name}\n',
            'A semantic segmentation model of mmseg_coop, for MMSegmentation: networks '
            'that share feature maps while they train.\n',
            _USE,
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
    if card.tested is not None:
        yield 'model-index:'
        yield f'- name: {card.name}'
        yield '  results:'
        yield '  - task: {type: image-segmentation}'
        dataset = card.tested.dataset
        yield f'    dataset: {{name: {dataset}, type: {dataset}}}'
        miou = card.tested.miou(card.predicted_by)
        yield f'    metrics: [{{type: mean_iou, value: {miou:.2f}}}]'
    yield '---\n'


def _results(card: Card) -> Iterator[str]:
    yield '## Results\n'
    tested = card.tested
    if tested is None:
        yield f'None: {card.untested}.\n'
        return
    rows = []
    for name, values in tested.iou.items():
        selected = ' (selected)' if name == card.predicted_by else ''
        cells = [number_cell(float('nan') if v is None else v) for v in values]
        rows.append(
            [text_cell(f'{name}{selected}'), number_cell(tested.miou(name)), *cells]
        )
    title = f'{tested.images} images of {tested.dataset}.'
    yield markdown(Table(title, ['prediction', 'mIoU', *tested.classes], rows))


def _cost(card: Card) -> Iterator[str]:
    yield '## Cost\n'
    yield f'- {card.parameters / 1e6:.2f} M parameters'
    size = ' x '.join(map(str, card.size))
    yield f'- {card.flops / 1e9:.2f} GFLOPs to predict an image of {size}'
    yield ''


def _training(card: Card) -> Iterator[str]:
    yield '## Training\n'
    if not card.trainings:
        yield 'The checkpoint has no record of its training.\n'
    for training in card.trainings:
        yield from _run(training)
    yield f'Published with {_listed(versions())}.\n'


def _run(training: Mapping[str, Any]) -> Iterator[str]:
    """Describe a training run, and name what is not recorded."""
    if 'network' in training:
        yield f'### {training["network"]}\n'
    if 'command' in training:
        yield f'```shell\n{training["command"]}\n```\n'
    facts = [f'{key} {training[key]}' for key in _FACTS if _tells(training, key)]
    if training.get('processes', 1) > 1:
        facts.append(f'{training["processes"]} processes')
    facts += [f'no {key} recorded' for key in _EXPECTED if key not in training]
    used = training.get('versions') or {}
    facts.append(f'trained with {_listed(used)}' if used else 'no versions recorded')
    left_out = [name for name in versions() if name not in used] if used else []
    facts += [f'no versions of {", ".join(left_out)} recorded'] if left_out else []
    yield f'{"; ".join(facts)}.\n'


def _tells(training: Mapping[str, Any], key: str) -> bool:
    # MMEngine records epoch 0 where training counts iterations.
    return key in training and not (key == 'epoch' and training[key] == 0)


def _listed(known: Mapping[str, str]) -> str:
    return ', '.join(f'{name} {version}' for name, version in known.items())
