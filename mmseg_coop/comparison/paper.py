"""The paper's results (Tables 1 and 2), shown beside measured ones."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_FILE = Path(__file__).with_name('paper_results.json')
# The paper prints one decimal.
_ROUNDING = 0.1


@dataclass(frozen=True)
class PaperRow:
    """A row of the paper's tables: IoU in percent as printed; no classes for VOC."""

    network: str
    method: str
    miou: float
    classes: dict[str, float]

    @property
    def consistent(self) -> bool:
        """True if the classes average to the printed mean, within rounding."""
        values = list(self.classes.values()) or [self.miou]
        return abs(np.mean(values) - self.miou) <= _ROUNDING


def paper_rows(dataset: str) -> list[PaperRow]:
    """Read the paper's rows for a dataset's class; none for other datasets."""
    return [PaperRow(**row) for row in json.loads(_FILE.read_text()).get(dataset, [])]
