"""Say which files a training skips, and how often."""

import logging
from collections import Counter

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import HOOKS


@HOOKS.register_module()
class SkippedDataHook(Hook):
    """Log each file that ``SkipFaults`` leaves out once, and all of them at the end.

    Of several processes each logs its own; the end counts those of all.
    """

    def __init__(self):
        self.skipped: Counter[str] = Counter()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Count what was left out for this batch."""
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
