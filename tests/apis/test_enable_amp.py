import pytest
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS

from mmseg_coop.apis import enable_amp, load_config
from mmseg_coop.engine import BFloat16OptimWrapper, auto_amp

SGD = dict(type='SGD', lr=0.1)


@OPTIM_WRAPPERS.register_module()
class OwnOptimWrapper(OptimWrapper):
    """A user's class, whose behaviour --amp would lose."""


class OwnAmpOptimWrapper(AmpOptimWrapper):
    """Mixed precision already."""


def amp_type(**wrapper):
    config = Config(dict(optim_wrapper=wrapper))
    enable_amp(config)
    return config.optim_wrapper.get('type')


@pytest.mark.parametrize(
    'kind', ['OptimWrapper', 'mmengine.OptimWrapper', OptimWrapper]
)
def test_switched_on_however_the_type_is_spelled(kind):
    assert amp_type(type=kind, optimizer=SGD) == 'AutoAmpOptimWrapper'


def test_switched_on_with_mmengines_default_and_with_a_constructor():
    assert amp_type(optimizer=SGD) == 'AutoAmpOptimWrapper'
    constructor = 'LearningRateDecayOptimizerConstructor'
    found = amp_type(type='OptimWrapper', optimizer=SGD, constructor=constructor)
    assert found == 'AutoAmpOptimWrapper'


@pytest.mark.parametrize(
    'kind',
    [
        'AutoAmpOptimWrapper',
        'AmpOptimWrapper',
        'mmseg.BFloat16OptimWrapper',
        AmpOptimWrapper,
        BFloat16OptimWrapper,
        OwnAmpOptimWrapper,
        auto_amp,
    ],
)
def test_on_already(kind):
    assert amp_type(type=kind, optimizer=SGD) == kind


REFUSED = {
    'a sub-class': (
        dict(type='OwnOptimWrapper', optimizer=SGD),
        "optim_wrapper.type: found 'OwnOptimWrapper', expected 'OptimWrapper'",
    ),
    'a sub-class as class': (
        dict(type=OwnOptimWrapper, optimizer=SGD),
        'OwnOptimWrapper.*, expected .OptimWrapper. for --amp',
    ),
    'unknown': (
        dict(type='OptimWraper', optimizer=SGD),
        "optim_wrapper.type: found 'OptimWraper'",
    ),
    'several': (
        dict(
            constructor='OwnConstructor',
            top=dict(type='OptimWrapper', optimizer=SGD),
            bottom=dict(type='OptimWrapper', optimizer=SGD),
        ),
        'optim_wrapper: found constructor, top, bottom, expected one optimizer',
    ),
}


@pytest.mark.parametrize('name', REFUSED)
def test_refused(name):
    wrapper, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        amp_type(**wrapper)


def test_no_optimizer_wrapper():
    with pytest.raises(ValueError, match='optim_wrapper: found None, expected a dict'):
        enable_amp(Config(dict(optim_wrapper=None)))


def test_pure_python_config(tmp_path):
    """Types are classes there, and bases are imported."""
    (tmp_path / 'base.py').write_text(
        'from mmengine.optim import OptimWrapper\n'
        'from torch.optim import SGD\n'
        'optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=SGD, lr=0.1))\n'
    )
    path = tmp_path / 'pure.py'
    path.write_text(
        'from mmengine.config import read_base\n'
        'with read_base():\n'
        '    from .base import *\n'
        'from mmseg_coop.models import CooperativeEncoderDecoder\n'
        'model = dict(type=CooperativeEncoderDecoder)\n'
    )
    config = load_config(str(path))
    enable_amp(config)
    assert config.optim_wrapper.type == 'AutoAmpOptimWrapper'
