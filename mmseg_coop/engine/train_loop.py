"""A train loop in which an interruption makes no difference."""

from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import broadcast_object_list, get_rank
from mmengine.registry import DATA_SAMPLERS
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import LOOPS
from torch import nn
from torch.utils.data import DataLoader

from ..config_types import resolve
from ..datasets.seeded_loading import DrawSampler, SeededDataset, derive_seed, seed_all
from .stop_request import StopRequest

# In the message hub, which checkpoints contain.
VALIDATED = 'validated_iter'


@LOOPS.register_module()
class ResumableTrainLoop(IterBasedTrainLoop):
    """``IterBasedTrainLoop`` that goes on as if it had not been interrupted.

    All that is random is a function of the seed and the iteration, both of which any
    checkpoint has: the order of the samples and their augmentation
    (``DrawSampler``, ``SeededDataset``), and what is random in the networks, which is
    seeded at each iteration. So it does not matter which worker loads a sample, whether
    a validation ran in between, or from which checkpoint a run goes on; and loading
    starts at its position at once, instead of going through all samples before.

    A validation that was due but not done when the run was interrupted is caught up.

    Loaders with another sampler than ``InfiniteSampler``, or with a batch sampler, are
    MMEngine's, which loads what is skipped.

    Its arguments are those of ``IterBasedTrainLoop``.
    """

    def __init__(
        self, runner: Runner, dataloader: DataLoader | dict, max_iters: int, **kwargs
    ):
        if isinstance(dataloader, dict):
            dataloader = _with_draws(dataloader)
        super().__init__(runner, dataloader, max_iters, **kwargs)
        self.stop = StopRequest()

    def run(self) -> nn.Module:
        """Train from the current iteration on."""
        # A checkpoint brings its seed with it. Ranks may differ in theirs.
        seeds = [self.runner.seed]
        broadcast_object_list(seeds)
        self._seed = seeds[0]
        with self.stop:
            if isinstance(self.dataloader.sampler, DrawSampler):
                return self._run()
            return super().run()

    def _run(self) -> nn.Module:
        """Train as MMEngine does, from the current iteration on."""
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        if self.runner.message_hub.runtime_info.get(VALIDATED, 0) < self._iter:
            self._validate_if_due()
        batches = self._batches()
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(batches))
            self._validate_if_due()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_iter(self, data_batch: Sequence[dict]) -> None:
        """Train one iteration, with its own random numbers."""
        seed_all(derive_seed(self._seed, 'iteration', get_rank(), self._iter))
        super().run_iter(data_batch)

    def _batches(self) -> Iterator[Any]:
        """The batches from the current iteration on."""
        # Older releases of MMEngine have started workers by now.
        self.dataloader_iterator = self.dataloader._iterator = None
        position = self._iter * self.dataloader.batch_size
        self.dataloader.sampler.start_at(position, self._seed)
        try:
            yield from self.dataloader
        finally:
            # Persistent workers would stay for another iteration.
            self.dataloader._iterator = None

    def _validate_if_due(self) -> None:
        self._decide_current_val_interval()
        due = self._iter % self.val_interval == 0 or self._iter == self._max_iters
        if self.runner.val_loop is not None and self._iter >= self.val_begin and due:
            self.runner.val_loop.run()


def _with_draws(dataloader: dict) -> dict:
    """A loader's config whose sampler yields seeds with the samples."""
    sampler = dataloader['sampler']
    if not isinstance(sampler, dict) or dataloader.get('batch_sampler'):
        return dataloader
    # Just this class: a sub-class may draw in another way.
    if resolve(sampler.get('type'), DATA_SAMPLERS) is not InfiniteSampler:
        return dataloader
    return dict(
        dataloader,
        # Classes: a config in pure Python has no scope to look names up in.
        sampler=dict(sampler, type=DrawSampler),
        dataset=dict(type=SeededDataset, dataset=dataloader['dataset']),
    )
