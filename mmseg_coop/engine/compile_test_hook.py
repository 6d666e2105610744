"""Let MMEngine's switch ``compile`` count for tests, too."""

from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from ..models import CooperativeEncoderDecoder
from ..unwrap import unwrap
from .evaluation_loops import CoopTestLoop


@HOOKS.register_module()
class CompileTestHook(Hook):
    """Compile the step of a test as the config's ``compile`` says.

    MMEngine compiles the step of training only. Validations during training stay
    as they are: their few images would not pay for the compilation.
    """

    def before_run(self, runner: Runner) -> None:
        """Refuse what can't be compiled, which PyTorch would compile in fragments.

        Raises:
            ValueError: If the networks read each other.
        """
        model = unwrap(runner.model)
        if runner.cfg.get('compile') and isinstance(model, CooperativeEncoderDecoder):
            model.plan.check_compiles()

    def before_test(self, runner: Runner) -> None:
        """Compile, as MMEngine does before it trains."""
        runner._maybe_compile('test_step')
        options, loop = runner.cfg.get('compile'), runner.test_loop
        # This loop has a step of its own.
        if options and isinstance(loop, CoopTestLoop):
            loop.compile(**({} if options is True else options))
