"""Draws that know their random seed, so that loading does not depend on its past."""

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
    """A sample to load: which, and the seed of its augmentation."""

    index: int
    seed: int


@DATA_SAMPLERS.register_module()
class DrawSampler(InfiniteSampler):
    """``InfiniteSampler``, in the same order, which can start anywhere in no time.

    It yields a ``Draw`` for ``SeededDataset``: its seed depends on the run's seed, the
    rank and the position alone.
    """

    _start = 0

    def start_at(self, position: int, seed: int) -> None:
        """Set where the next iteration over the sampler starts.

        Args:
            position: How many draws of this rank to leave out.
            seed: The run's seed, the same on all ranks.
        """
        self._start = position
        self.seed = seed

    def __iter__(self) -> Iterator[Draw]:
        """Draw without end."""
        indices = itertools.islice(self._indices_of_rank(), self._start, None)
        for position, index in enumerate(indices, self._start):
            yield Draw(index, derive_seed(self.seed, 'sample', self.rank, position))


@DATASETS.register_module()
class SeededDataset(Dataset):
    """A dataset whose augmentation depends on the draw, not on what ran before.

    Everything else is the dataset's own.

    Args:
        dataset: A dataset or its config.
    """

    def __init__(self, dataset: Dataset | dict):
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset

    def __getattr__(self, name: str) -> Any:
        # Not while it is unpickled and has no dataset.
        if name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, draw: Draw | int) -> Any:
        """Load a draw; an index alone is loaded with the random state as it is."""
        if not isinstance(draw, Draw):
            return self.dataset[draw]
        seed_all(draw.seed)
        return self.dataset[draw.index]


def derive_seed(seed: int, purpose: str, *numbers: int) -> int:
    """A seed of 32 bits that has nothing in common with its neighbours.

    Args:
        seed: The run's.
        purpose: Seeds for different purposes are independent.
        numbers: Such as rank and position.
    """
    entropy = [seed, *purpose.encode(), *numbers]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def seed_all(seed: int) -> None:
    """Seed Python, NumPy and PyTorch (its GPUs too) in this process."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
