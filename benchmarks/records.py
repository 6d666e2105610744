"""Rows that have been measured, in a JSON file that can be added to."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mmseg_coop.cost.machine import describe_machine

from .results import Figure, Line, Options, Panel
from .rows import ROWS


@dataclass(frozen=True)
class Record:
    """Results of a row.

    Attributes:
        machine: Where, with which versions, and when.
        quick: Whether sizes were small.
        figures: Ratios against MMSegmentation.
        panels: Plots of how cost grows.
    """

    machine: str
    quick: bool
    figures: list[Figure]
    panels: list[Panel]


def measure(name: str, options: Options) -> Record:
    """Measure a row by its name in ``ROWS``."""
    found = list(ROWS[name].measure(options))
    figures = [x for x in found if isinstance(x, Figure)]
    panels = [x for x in found if isinstance(x, Panel)]
    return Record(describe_machine(), options.quick, figures, panels)


def write_records(path: Path, records: dict[str, Record]) -> None:
    """Write rows by name, in their order; :func:`read_records` reads them."""
    content = {
        name: dict(
            asdict(records[name]),
            figures=[
                dict(asdict(figure), ratio=figure.ratio, met=figure.met)
                for figure in records[name].figures
            ],
        )
        for name in ROWS
        if name in records
    }
    path.write_text(json.dumps(content, indent=2) + '\n')


def read_records(path: Path) -> dict[str, Record]:
    """Read rows by name.

    Raises:
        ValueError: If the file is no benchmark's.
    """
    try:
        content = json.loads(path.read_text())
        return {name: _record(**row) for name, row in content.items()}
    except (json.JSONDecodeError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(
            f'{path}: expected what python -m benchmarks --json has written ({error})'
        ) from error


def _record(machine: str, quick: bool, figures: list, panels: list) -> Record:
    return Record(
        machine,
        quick,
        [_figure(**figure) for figure in figures],
        [_panel(**panel) for panel in panels],
    )


def _figure(ratio: float, met: bool | None, pairs: list | None, **rest) -> Figure:
    """Ratio and verdict are for readers of the file; they follow from the rest."""
    return Figure(**rest, pairs=None if pairs is None else tuple(pairs))


def _panel(lines: list[dict], **rest) -> Panel:
    return Panel(**rest, lines=[Line(**line) for line in lines])
