"""Stop at wrong images and labels, or skip them and log it."""

import logging
from collections import Counter

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop
from mmseg.registry import HOOKS

from ..datasets import check_binary_masks, recognise_faults, skip_faults
from ..models.expect import expect

_POLICIES = ('stop', 'skip', 'off')


@HOOKS.register_module()
class DataFaultsHook(Hook):
    """Detect wrong images and labels in MMSegmentation's loaders.

    - ``stop``: a run ends with a ``DataFault`` that names the file.
    - ``skip``: training takes the next image of the dataset without a fault. Each
      process logs a file once; counts over all processes are logged at the end.
      Validation and test stop all the same, since results over other images are not
      comparable.
    - ``off``: nothing is checked, for labels that a later step turns into classes.

    Args:
        policy: ``stop``, ``skip`` or ``off``.

    Raises:
        ValueError: If the policy is unknown.
    """

    def __init__(self, policy: str = 'stop'):
        expected = f'one of {", ".join(_POLICIES)}'
        expect('data-faults hook: policy', policy, policy in _POLICIES, expected)
        self.policy = policy
        self.skipped: Counter[str] = Counter()

    def before_train(self, runner: Runner) -> None:
        """Replace the dataset's loaders, and check binary masks.

        Raises:
            DataFault: If masks have 0 and 255 where classes are 0 and 1.
        """
        self._watch(runner.train_loop, masks=True)
        if self.policy == 'skip':
            skip_faults(runner.train_loop.dataloader.dataset)
        _restart_workers(runner.train_loop)

    def before_val(self, runner: Runner) -> None:
        """Replace the dataset's loaders."""
        self._watch(runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Replace the dataset's loaders, and check binary masks."""
        self._watch(runner.test_loop, masks=True)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Count the samples that were skipped while this batch was loaded."""
        if self.policy != 'skip':
            return
        for sample in data_batch['data_samples']:
            for fault in sample.get('skipped', ()):
                if fault not in self.skipped:
                    print_log(f'Skipped: {fault}', 'current', logging.WARNING)
                self.skipped[fault] += 1

    def after_train(self, runner: Runner) -> None:
        """Log how often each file was skipped."""
        total = sum(all_gather_object(self.skipped), Counter())
        if total:
            lines = [f'{count} x {fault}' for fault, count in total.most_common()]
            text = '\n  '.join([f'Skipped {len(total)} samples:', *lines])
            print_log(text, 'current', logging.WARNING)

    def _watch(self, loop: BaseLoop, masks: bool = False) -> None:
        if self.policy == 'off':
            return
        recognise_faults(loop.dataloader.dataset)
        if masks:
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
