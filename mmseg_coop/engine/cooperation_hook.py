"""Log how networks cooperate while they train."""

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..analysis.cooperation import fixed_batch, measure_cooperation
from ..models import CooperativeEncoderDecoder
from ..models.expect import expect, is_count
from ..unwrap import unwrap


@HOOKS.register_module()
class CooperationHook(Hook):
    """Log each network's loss, the strength of connectors, and similarity.

    Losses are logged with the others, as ``top.loss``. Every ``interval`` iterations
    strength and similarity are measured on a fixed batch and written to all backends of
    the visualizer, as ``cooperation/strength/<target>`` and
    ``cooperation/similarity/<networks>/<site>``; ``Cooperation`` defines them. For a
    model with one network the hook does nothing.

    Args:
        interval: Iterations between measurements.
        num_images: Size of the fixed batch, the first images of the validation set (or
            of the training set, if there is none).
    """

    def __init__(self, interval: int = 1000, num_images: int = 4):
        for key, value in dict(interval=interval, num_images=num_images).items():
            expect(f'cooperation hook: {key}', value, is_count(value), '1 or more')
        self.interval = interval
        self.num_images = num_images
        self._batch: torch.Tensor | None = None

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Log losses, and measure every ``interval`` iterations."""
        model = unwrap(runner.model)
        if not isinstance(model, CooperativeEncoderDecoder):
            return
        for name in model.plan.networks:
            terms = [
                torch.as_tensor(value).detach()
                for key, value in (outputs or {}).items()
                if key.startswith(f'{name}.') and 'loss' in key
            ]
            # A skipped iteration has none.
            if terms:
                runner.message_hub.update_scalar(
                    f'train/{name}.loss', float(sum(terms))
                )
        if self.every_n_train_iters(runner, self.interval):
            self._measure(runner)

    @master_only
    def _measure(self, runner: Runner) -> None:
        model = unwrap(runner.model)
        if self._batch is None:
            loop = runner.val_loop or runner.train_loop
            self._batch = fixed_batch(model, loop.dataloader.dataset, self.num_images)
        found = measure_cooperation(model, self._batch)
        step = runner.iter + 1
        runner.visualizer.add_scalars(found.scalars(), step=step)
        print_log(f'Cooperation at iteration {step}:\n{found.table()}', 'current')
