"""Save complete checkpoints, and resume from the newest complete one."""

from pathlib import Path

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..checkpoints.atomic_backend import remove_incomplete
from ..checkpoints.resume import newest_complete_checkpoint
from ..checkpoints.training_record import TRAINING, record_training
from .train_loop import VALIDATED

# Files still to be removed, in the message hub, which checkpoints contain.
_OUTDATED = 'outdated_ckpts'


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """``CheckpointHook`` whose newest checkpoint is complete, however the run ends.

    Files are written by ``AtomicBackend``. Only then the checkpoints are removed that
    ``max_keep_ckpts`` or a new best one has made outdated; if the run ends before, its
    resumed run removes them.

    ``--resume`` takes the newest complete checkpoint, and warns of damaged ones. One of
    another folder that ``load_from`` names is taken where the run has none of its own.
    Storage other than local files is left to MMEngine. Checkpoints record the run's
    command and versions.

    Its arguments are those of ``CheckpointHook``.
    """

    # None until training starts.
    _outdated: list[str] | None = None

    def before_run(self, runner: Runner) -> None:
        """Choose the checkpoint to resume from, in the main process for all.

        MMEngine has no public way to set it.

        Raises:
            ValueError: If there are checkpoints, but all of them are damaged.
        """
        folder = self.out_dir or runner.work_dir
        if not runner._resume or not self._is_local(folder):
            return
        if folder != runner.work_dir:
            # The folder in which MMEngine puts them.
            folder = Path(folder) / Path(runner.work_dir).name
        given = runner._load_from
        if given and Path(given).parent.resolve() == Path(folder).resolve():
            return
        found = [None]
        if is_main_process():
            found[0] = newest_complete_checkpoint(
                runner.work_dir, folder, self.filename_tmpl
            )
        broadcast_object_list(found)
        runner._load_from = found[0] or given
        runner._resume = runner._load_from is not None

    def before_train(self, runner: Runner) -> None:
        """Write atomically from here on, and remove files that a killed run left."""
        local = self._is_local(self.out_dir or runner.work_dir)
        # MMEngine takes one of both; the second is its older name.
        if local and self.backend_args is None and self.file_client_args is None:
            self.backend_args = dict(backend='atomic')
        super().before_train(runner)
        hub = runner.message_hub
        # A copied or continued run does not own the files that its checkpoint names.
        outdated = map(self._own, hub.runtime_info.get(_OUTDATED, []))
        self._outdated = [path for path in outdated if path]
        self.best_ckpt_path = self._own(getattr(self, 'best_ckpt_path', None))
        several = getattr(self, 'best_ckpt_path_dict', {})
        self.best_ckpt_path_dict = {k: self._own(path) for k, path in several.items()}
        # The same list, so that each checkpoint has it as it is then.
        hub.update_info(_OUTDATED, self._outdated)
        # MMEngine removes outdated checkpoints before it writes the new one: remove
        # them later. The backend is this hook's own, and there is no other place.
        self._remove = self.file_backend.remove
        self.file_backend.remove = self._outdated.append
        if local and is_main_process():
            for folder in {self.out_dir, runner.work_dir}:
                remove_incomplete(folder)
        self._remove_outdated()
        step = runner.epoch if self.by_epoch else runner.iter
        path = _path(self, step)
        if Path(runner._load_from or '') == Path(path):
            # A best score found now is recorded in this checkpoint.
            self.last_ckpt = path

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Record the run's command and versions in the checkpoint."""
        checkpoint['meta'][TRAINING] = record_training()

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        """Save the best checkpoint, in training only (not in ``Runner.val``)."""
        if self._outdated is None:
            return
        runner.message_hub.update_info(VALIDATED, runner.iter)
        super().after_val_epoch(runner, metrics)
        self._remove_outdated()

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        """Save as MMEngine does, and remove outdated checkpoints then."""
        if has_pending_gradients(runner.optim_wrapper):
            runner.logger.warning(
                f'{_path(self, step)} is without the gradients that are pending: '
                'resuming from it is not exact. It is exact if '
                'default_hooks.checkpoint.interval and train_cfg.val_interval are '
                'multiples of optim_wrapper.accumulative_counts'
            )
        super()._save_checkpoint_with_step(runner, step, meta)
        self._remove_outdated()

    def _is_local(self, folder: str) -> bool:
        backend = get_file_backend(folder, backend_args=self.backend_args)
        return isinstance(backend, LocalBackend)

    def _own(self, path: str | None) -> str | None:
        """The file of this name in this run's folder; None if there is none."""
        own = path and self.file_backend.join_path(self.out_dir, Path(path).name)
        files = self.file_backend
        return own if own and (files.isfile(own) or files.isdir(own)) else None

    def _remove_outdated(self) -> None:
        for path in self._outdated:
            if is_main_process() and self.file_backend.isfile(path):
                self._remove(path)
        self._outdated.clear()


def save_now(runner: Runner, iters: int, keep_older: bool = False) -> str | None:
    """Save the checkpoint of an iteration, from which ``--resume`` then continues.

    If there is one of this iteration already, it stays.

    Args:
        iters: Number of iterations behind the model's state.
        keep_older: Whether all older checkpoints stay, whatever ``max_keep_ckpts``.

    Returns:
        Its path, that of each checkpoint hook that counts iterations; None without one.
    """
    paths = []
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and not hook.by_epoch:
            if keep_older:
                hook.max_keep_ckpts = -1
            path = _path(hook, iters)
            if hook.last_ckpt != path:
                meta = dict(epoch=runner.epoch, iter=iters)
                hook._save_checkpoint_with_step(runner, iters, meta)
            paths.append(path)
    # Hooks may share a folder.
    return ' and '.join(dict.fromkeys(paths)) or None


def _path(hook: CheckpointHook, step: int) -> str:
    name = hook.filename_tmpl.format(step)
    return hook.file_backend.join_path(hook.out_dir, name)


def has_pending_gradients(wrapper: OptimWrapper) -> bool:
    """Tell whether an optimizer has accumulated gradients without a step."""
    several = isinstance(wrapper, OptimWrapperDict)
    wrappers = wrapper.values() if several else [wrapper]
    return not all(single.should_update() for single in wrappers)
