"""Compile the model in tests, too, as the config's ``compile`` says."""

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..models import CooperativeEncoderDecoder
from ..models.plan.crossing_run import CANT_RECORD
from ..unwrap import unwrap
from .evaluation_loops import CoopTestLoop


@HOOKS.register_module()
class CompileTestHook(Hook):
    """Compile the step of a test as the config's ``compile`` says.

    MMEngine compiles the step of training only. Validations during training are not
    compiled: compilation would take longer than their few images.
    """

    def before_run(self, runner: Runner) -> None:
        """Refuse a model that PyTorch would compile in fragments only.

        Raises:
            ValueError: If the networks read each other.
        """
        model = unwrap(runner.model)
        cooperative = isinstance(model, CooperativeEncoderDecoder)
        if runner.cfg.get('compile') and cooperative and model.plan.crossing:
            raise ValueError(CANT_RECORD)

    def before_test(self, runner: Runner) -> None:
        """Compile, as MMEngine does before it trains."""
        runner._maybe_compile('test_step')
        options, loop = runner.cfg.get('compile'), runner.test_loop
        # This loop may predict without the model's test_step.
        if options and isinstance(loop, CoopTestLoop):
            loop.compile(**({} if options is True else options))
