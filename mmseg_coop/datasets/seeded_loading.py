"""Seed the augmentation of each sample, so that resumed runs load the same data."""

import itertools
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmseg.registry import DATA_SAMPLERS, DATASETS
from torch.utils.data import Dataset


class Draw(NamedTuple):
    """A sample to load: its index, and the seed of its augmentation."""

    index: int
    seed: int


@DATA_SAMPLERS.register_module()
class DrawSampler(InfiniteSampler):
    """``InfiniteSampler`` that can start at any position, with the same order.

    It yields a ``Draw`` for ``SeededDataset``, whose seed depends only on the run's
    seed, the rank and the position.
    """

    _start = 0

    def start_at(self, position: int, seed: int) -> None:
        """Set how many draws of this rank the next iteration skips, and the seed."""
        self._start = position
        self.seed = seed

    def __iter__(self) -> Iterator[Draw]:
        """Yield draws without end."""
        indices = itertools.islice(self._indices_of_rank(), self._start, None)
        for position, index in enumerate(indices, self._start):
            yield Draw(index, derive_seed(self.seed, 'sample', self.rank, position))


@DATASETS.register_module()
class SeededDataset(Dataset):
    """Wrapper of a dataset (or its config) whose augmentation depends on the draw."""

    def __init__(self, dataset: Dataset | dict):
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset

    def __getattr__(self, name: str) -> Any:
        # While it is unpickled it has no dataset yet.
        if name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, draw: Draw | int) -> Any:
        """Load a draw; an index alone is loaded with the current random state."""
        if not isinstance(draw, Draw):
            return self.dataset[draw]
        seed_all(draw.seed)
        return self.dataset[draw.index]


def derive_seed(seed: int, purpose: str, *numbers: int) -> int:
    """Derive a seed of 32 bits for a purpose, such as a rank's draw at a position."""
    entropy = [seed, *purpose.encode(), *numbers]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and PyTorch (its GPUs too) in this process."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
