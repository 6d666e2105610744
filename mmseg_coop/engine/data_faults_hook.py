"""Stop at wrong images and labels, or skip them and log it."""

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop
from mmseg.registry import HOOKS

from ..datasets import check_binary_masks, recognise_faults
from ..models.expect import expect

_POLICIES = ('stop', 'skip', 'off')


@HOOKS.register_module()
class DataFaultsHook(Hook):
    """Detect wrong images and labels in MMSegmentation's loaders.

    - ``stop``: a run ends with a ``DataFault`` that names the file.
    - ``skip``: training takes another image of the dataset. Each worker of a loader
      names a file once. Validation and test stop all the same, since results over other
      images are not comparable.
    - ``off``: nothing is checked, for labels that a later step turns into classes.

    Args:
        policy: ``stop``, ``skip`` or ``off``.

    Raises:
        ValueError: If the policy is unknown.
    """

    def __init__(self, policy: str = 'stop'):
        expected = f'one of {", ".join(_POLICIES)}'
        expect('DataFaultsHook.policy', policy, policy in _POLICIES, expected)
        self.policy = policy

    def before_train(self, runner: Runner) -> None:
        """Turn the dataset's loaders into checked ones, and check binary masks.

        Raises:
            DataFault: If masks have 0 and 255 where classes are 0 and 1.
        """
        loop = runner.train_loop
        self._watch(loop, masks=True, skip=self.policy == 'skip')
        if hasattr(loop, 'dataloader_iterator'):
            # MMEngine up to 0.10 has started workers with the unchanged dataset.
            loop.dataloader._iterator = None
            loop.dataloader_iterator = type(loop.dataloader_iterator)(loop.dataloader)

    def before_val(self, runner: Runner) -> None:
        """Turn the dataset's loaders into checked ones."""
        self._watch(runner.val_loop)

    def before_test(self, runner: Runner) -> None:
        """Turn the dataset's loaders into checked ones, and check binary masks."""
        self._watch(runner.test_loop, masks=True)

    def _watch(self, loop: BaseLoop, masks: bool = False, skip: bool = False) -> None:
        if self.policy == 'off':
            return
        dataset = loop.dataloader.dataset
        recognise_faults(dataset, skip)
        if masks:
            check_binary_masks(dataset)
