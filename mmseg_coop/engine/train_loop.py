"""Train loop whose resumed runs are exact."""

from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import broadcast_object_list, get_rank
from mmengine.registry import DATA_SAMPLERS
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import LOOPS
from torch import nn
from torch.utils.data import DataLoader

from ..datasets.seeded_loading import DrawSampler, SeededDataset, derive_seed, seed_all
from ..models.resolve import resolve
from .stop_request import StopRequest

# Key of the last validated iteration in the message hub, which checkpoints contain.
# MMEngine logs what begins with 'val' as a result of the validation.
VALIDATED = 'last_validated_iter'


@LOOPS.register_module()
class ResumableTrainLoop(IterBasedTrainLoop):
    """``IterBasedTrainLoop`` whose resumed runs equal uninterrupted ones to the bit.

    All random numbers depend on the seed and the iteration only, and every checkpoint
    has both: those for the order of the samples and their augmentation
    (``DrawSampler``, ``SeededDataset``), and those of the networks, such as dropout,
    which are seeded at each iteration. So it does not matter which worker loads a
    sample, whether a validation ran in between, or from which checkpoint a run resumes.
    Loading starts at the resumed position without loading the samples before it.

    If a validation was due when the run was interrupted, the resumed run does it first.

    Loaders with another sampler than ``InfiniteSampler``, or with a batch sampler, stay
    MMEngine's, which loads all samples up to the resumed position.

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
        # Resuming sets the seed of the checkpoint. Ranks may differ in theirs.
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
        """Seed random numbers for the iteration, and train it."""
        seed_all(derive_seed(self._seed, 'iteration', get_rank(), self._iter))
        super().run_iter(data_batch)

    def _batches(self) -> Iterator[Any]:
        """Load the batches from the current iteration on."""
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
    """Change a loader's config so that its sampler yields seeds with the samples."""
    sampler = dataloader['sampler']
    if not isinstance(sampler, dict) or dataloader.get('batch_sampler'):
        return dataloader
    # This class only: a sub-class may draw in another way.
    if resolve(sampler.get('type'), DATA_SAMPLERS) is not InfiniteSampler:
        return dataloader
    return dict(
        dataloader,
        # Classes, since a config in pure Python style has no scope for names.
        sampler=dict(sampler, type=DrawSampler),
        dataset=dict(type=SeededDataset, dataset=dataloader['dataset']),
    )
