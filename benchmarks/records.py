"""Write measured rows to a JSON file, and read them."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mmseg_coop.cost.machine import describe_machine

from .results import Line, Measurement, Options, Panel
from .rows import ROWS


@dataclass(frozen=True)
class Record:
    """Results of a row.

    Attributes:
        machine: Machine, versions and date.
        quick: Whether the sizes were small ones (``--quick``).
        measurements: Ratios against MMSegmentation.
        panels: Plots of growing cost.
    """

    machine: str
    quick: bool
    measurements: list[Measurement]
    panels: list[Panel]


def measure(name: str, options: Options) -> Record:
    """Measure a row, a key of ``ROWS``."""
    found = list(ROWS[name].measure(options))
    measurements = [x for x in found if isinstance(x, Measurement)]
    panels = [x for x in found if isinstance(x, Panel)]
    return Record(describe_machine(), options.quick, measurements, panels)


def write_records(path: Path, records: dict[str, Record]) -> None:
    """Write rows by name, in the order of ``ROWS``."""
    content = {
        name: dict(
            asdict(records[name]),
            measurements=[
                dict(asdict(measured), ratio=measured.ratio, met=measured.met)
                for measured in records[name].measurements
            ],
        )
        for name in ROWS
        if name in records
    }
    path.write_text(json.dumps(content, indent=2) + '\n')


def read_records(path: Path) -> dict[str, Record]:
    """Read rows by name.

    Raises:
        ValueError: If the file was not written by ``write_records``.
    """
    try:
        content = json.loads(path.read_text())
        return {name: _record(**row) for name, row in content.items()}
    except (json.JSONDecodeError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(
            f'{path}: expected what python -m benchmarks --json has written ({error})'
        ) from error


def _record(machine: str, quick: bool, measurements: list, panels: list) -> Record:
    return Record(
        machine,
        quick,
        [_measurement(**measured) for measured in measurements],
        [_panel(**panel) for panel in panels],
    )


def _measurement(
    ratio: float, met: bool | None, pairs: list | None, **rest
) -> Measurement:
    """Read a measurement; the ratio and whether it is met are computed again."""
    return Measurement(**rest, pairs=None if pairs is None else tuple(pairs))


def _panel(lines: list[dict], **rest) -> Panel:
    return Panel(**rest, lines=[Line(**line) for line in lines])
