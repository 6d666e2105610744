"""Tabulate and draw how often classes occur in the splits of a dataset."""

from matplotlib import rc_context
from matplotlib.figure import Figure

from ..datasets.survey import Split, Survey
from ..plot_style import STYLE
from .table import Cell, Table, text_cell

_IGNORED = 'ignored'


def class_table(survey: Survey) -> Table:
    """Tabulate percent of pixels and number of images of each class and split."""
    names = [*_classes(survey), _IGNORED]
    rows = [
        [text_cell(f'{split.name}: {title}'), *(_cell(v.get(n), form) for n in names)]
        for split in survey.splits
        for title, v, form in (
            ('%', _shares(split), '.3f'),
            ('images', _images(split), 'd'),
        )
    ]
    counts = (f'{split.name} {split.size}' for split in survey.splits)
    note = (
        f'Images: {", ".join(counts)}. Shares are of the labelled pixels, that of '
        'ignored ones is of all.'
    )
    title = 'How often classes occur: percent of the pixels, number of images'
    return Table(title, ['', *names], rows, (note,))


def draw_class_shares(survey: Survey) -> Figure:
    """Draw percent of pixels of each class as bars, with a colour for each split."""
    classes = _classes(survey)
    number = len(survey.splits)
    height = 0.8 / number
    with rc_context(STYLE):
        size = (6, 1 + (0.12 + 0.14 * number) * len(classes))
        figure = Figure(figsize=size, layout='constrained')
        axis = figure.subplots()
        for i, split in enumerate(survey.splits):
            shares = _shares(split)
            places = [k + (i - (number - 1) / 2) * height for k in range(len(classes))]
            values = [shares.get(name, 0) for name in classes]
            bars = axis.barh(places, values, height, label=split.name)
            axis.bar_label(bars, fmt='%.2g', padding=3, fontsize=7)
        axis.set_yticks(range(len(classes)), classes)
        axis.set(xscale='symlog', xlabel='% of the labelled pixels')
        axis.invert_yaxis()
        axis.legend()
    return figure


def _classes(survey: Survey) -> list[str]:
    return list(dict.fromkeys(name for s in survey.splits for name in s.classes))


def _shares(split: Split) -> dict[str, float]:
    """Percent of each class of the labelled pixels, and of ignored ones of all."""
    if not split.has_labels:
        return {}
    pixels = split.pixels
    labelled = max(pixels[: len(split.classes)].sum(), 1)
    shares = {name: 100 * pixels[i] / labelled for i, name in enumerate(split.classes)}
    return shares | {_IGNORED: 100 * pixels[split.ignore_index] / max(pixels.sum(), 1)}


def _images(split: Split) -> dict[str, int]:
    if not split.has_labels:
        return {}
    found = dict(zip(split.classes, split.images.tolist(), strict=False))
    return found | {_IGNORED: int(split.images[split.ignore_index])}


def _cell(value: float | None, form: str) -> Cell:
    return Cell('-') if value is None else Cell(format(value, form), value)
