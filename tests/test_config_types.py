import pytest
from mmengine.config import Config
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS

from mmseg_coop.config_types import is_type, spell_out
from mmseg_coop.models import CooperativeEncoderDecoder as Coop
from mmseg_coop.models.resolve import resolve


class Mine(Coop):
    """A user's, in no registry."""


SPELLINGS = [
    'CooperativeEncoderDecoder',
    'mmseg.CooperativeEncoderDecoder',
    'mmseg_coop.models.CooperativeEncoderDecoder',
    f'{Coop.__module__}.CooperativeEncoderDecoder',
    Coop,
]


@pytest.mark.parametrize('kind', SPELLINGS)
def test_all_spellings_are_the_same(kind):
    assert resolve(kind, MODELS) is Coop
    assert is_type(dict(type=kind), Coop, MODELS)
    assert is_type(dict(type=kind), EncoderDecoder, MODELS)


UNKNOWN = ['NoSuchModel', 'mmseg.NoSuchModel', 'no_such_package.Model', '', 3, None]
NO_NAMES = ['.', '..', '.A', 'A.', 'a..b', 'mmpretrain..A', 'os.path']


@pytest.mark.parametrize('kind', [*UNKNOWN, *NO_NAMES])
def test_what_is_none_is_none(kind):
    assert resolve(kind, MODELS) is None
    assert not is_type(dict(type=kind), Coop, MODELS)


def test_a_module_that_fails_is_no_unknown_type(tmp_path, monkeypatch):
    (tmp_path / 'module_that_fails.py').write_text("raise TypeError('of the user')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TypeError, match='of the user'):
        resolve('module_that_fails.Model')


def test_sub_classes_and_others():
    assert is_type(dict(type=Mine), Coop, MODELS)
    assert not is_type(dict(type='EncoderDecoder'), Coop, MODELS)
    assert not is_type(dict(), Coop, MODELS) and not is_type(3, Coop, MODELS)


def test_what_is_spelt_out_can_be_written_and_read(tmp_path):
    config = Config(
        spell_out(dict(model=dict(type=Coop, parts=[dict(type=Mine), (int, 1)])))
    )
    config.dump(tmp_path / 'config.py')
    model = Config.fromfile(tmp_path / 'config.py').model
    assert resolve(model.type, MODELS) is Coop
    assert resolve(model.parts[0].type, MODELS) is Mine
    assert model.parts[1] == (int, 1)
