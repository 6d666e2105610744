"""Handling of wrong data: stop, or leave it out and say so."""

import logging
from collections import Counter

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop
from mmseg.registry import HOOKS

from ..datasets import check_binary_masks, recognise_faults, skip_faults

POLICIES = ('stop', 'skip', 'off')


@HOOKS.register_module()
class DataFaultsHook(Hook):
    """Have MMSegmentation's loaders recognise wrong images and labels.

    - ``stop``: a run ends with a ``DataFault`` that names the file.
    - ``skip``: training takes the next image of the dataset without a fault; each file
      is logged once, and counted at the end. Of several processes each logs its own;
      the end counts those of all. Validation and test stop all the same, since numbers
      over other images are not comparable.
    - ``off``: loaders stay as they are, for labels that a later step turns into
      classes.

    Args:
        policy: ``stop``, ``skip`` or ``off``.

    Raises:
        ValueError: If the policy is unknown.
    """

    def __init__(self, policy: str = 'stop'):
        if policy not in POLICIES:
            raise ValueError(
                f'data-faults hook: policy: found {policy!r}, expected one of '
                f'{", ".join(POLICIES)}'
            )
        self.policy = policy
        self.skipped: Counter[str] = Counter()

    def before_train(self, runner: Runner) -> None:
        """Change the loaders before anything is loaded, and look at binary masks.

        Raises:
            DataFault: If masks have 0 and 255 where classes are 0 and 1.
        """
        self._watch(runner.train_loop)
        self._check_masks(runner.train_loop)
        if self.policy == 'skip':
            skip_faults(runner.train_loop.dataloader.dataset)
        _restart_workers(runner.train_loop)

    def before_val(self, runner: Runner) -> None:
        """Change the loaders before anything is loaded."""
        self._watch(runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Change the loaders before anything is loaded, and look at binary masks."""
        self._watch(runner.test_loop)
        self._check_masks(runner.test_loop)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Count what was left out for this batch."""
        if self.policy != 'skip':
            return
        for sample in data_batch['data_samples']:
            for fault in sample.get('skipped', ()):
                if fault not in self.skipped:
                    print_log(f'Skipped: {fault}', 'current', logging.WARNING)
                self.skipped[fault] += 1

    def after_train(self, runner: Runner) -> None:
        """Log the count of each file."""
        total = sum(all_gather_object(self.skipped), Counter())
        if total:
            lines = [f'{count} x {fault}' for fault, count in total.most_common()]
            text = '\n  '.join([f'Skipped {len(total)} samples:', *lines])
            print_log(text, 'current', logging.WARNING)

    def _watch(self, loop: BaseLoop) -> None:
        if self.policy != 'off':
            recognise_faults(loop.dataloader.dataset)

    def _check_masks(self, loop: BaseLoop) -> None:
        if self.policy != 'off':
            check_binary_masks(loop.dataloader.dataset)


def _restart_workers(loop: BaseLoop) -> None:
    """Restart workers that already run with a copy of the unchanged dataset.

    ``IterBasedTrainLoop`` of MMEngine up to 0.10 starts them when it is built.
    """
    batches = getattr(loop, 'dataloader_iterator', None)
    if loop.dataloader.num_workers and getattr(batches, '_iterator', None) is not None:
        # Persistent ones are kept by the loader.
        loop.dataloader._iterator = None
        loop.dataloader_iterator = type(batches)(loop.dataloader)
