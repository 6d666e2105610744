"""Configs of installed packages: ``mmseg::…`` and ``mmseg_coop::…``."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import DATASETS, HOOKS, MODELS, VISUALIZERS

from mmseg_coop.apis import enable_config_scopes, load_config
from mmseg_coop.models import CooperativeEncoderDecoder

REPO = Path(__file__).parents[2]
HOSTS = 'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'
OWN = 'mmseg_coop::coop/danet_r18_same_toy.py'
FILE = REPO / 'configs/coop/danet_r18_same_toy.py'


def read(tmp_path, text: str) -> Config:
    path = tmp_path / 'config.py'
    path.write_text(text)
    return load_config(str(path))


def test_a_config_of_mmsegmentation_becomes_cooperative(tmp_path):
    """The README's first example."""
    readme = (REPO / 'README.md').read_text()
    code = re.search(r"```python\n(_base_ = 'mmseg::.*?)```", readme, re.DOTALL)[1]
    config = read(tmp_path, code)
    host = get_config(HOSTS)
    model = config.model.to_dict()
    assert model.pop('connections') == dict(pattern='same')
    assert model.pop('type') == 'CooperativeEncoderDecoder'
    expected = host.model.to_dict()
    assert expected.pop('type') == 'EncoderDecoder' and model.pop('_scope_') == 'mmseg'
    assert model == expected
    config.model.backbone.init_cfg = None
    assert type(MODELS.build(config.model)) is CooperativeEncoderDecoder


def test_a_config_of_this_package_is_inherited_from(tmp_path):
    """MMEngine builds what is inherited in the scope ``mmseg_coop``."""
    config = read(
        tmp_path, f"_base_ = '{OWN}'\nmodel = dict(test_cfg=dict(predict='top'))"
    )
    assert config.model._scope_ == 'mmseg_coop'
    assert MODELS.build(config.model).predict_with == 'top'
    config.train_dataloader.dataset.num_images = 3
    assert len(DATASETS.build(config.train_dataloader.dataset)) == 3
    VISUALIZERS.build(dict(config.visualizer, name=str(tmp_path), save_dir=tmp_path))
    for options in config.default_hooks.values():
        HOOKS.build(options)


def test_named_on_the_command_line():
    found, expected = load_config(OWN), load_config(str(FILE))
    assert found.to_dict() == expected.to_dict()
    assert Path(found.filename).samefile(FILE)


@pytest.mark.parametrize(
    ('path', 'message'),
    [
        ('nowhere::coop/a.py', 'nowhere::coop/a.py: found no package nowhere with'),
        ('mmtrack::sort/a.py', 'found no package mmtrack with configs'),
        ('mmseg_coop::coop/a.py', 'there is no config file mmseg_coop::coop/a.py ('),
    ],
)
def test_what_is_not_there(path, message):
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        load_config(path)


def test_base_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match='can not be read as a config .*coop/a.py'):
        read(tmp_path, "_base_ = 'mmseg_coop::coop/a.py'\n")


def test_nothing_changes_on_import(tmp_path, fresh_python):
    """One call is needed, and enough for what is read afterwards."""
    code = f"""
from mmengine.config import Config
from mmengine.config.utils import MODULE2PACKAGE
before = dict(MODULE2PACKAGE)
import mmseg_coop.apis
assert MODULE2PACKAGE == before
mmseg_coop.apis.enable_config_scopes()
assert set(MODULE2PACKAGE) == set(before) | {{'mmseg_coop'}}
open('config.py', 'w').write("_base_ = ['{HOSTS}']")
print(Config.fromfile('config.py').model.backbone.type)
"""
    done = subprocess.run(
        [fresh_python, '-c', code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == 'MixVisionTransformer'


def test_all_configs_are_in_the_model_index():
    enable_config_scopes()
    index = yaml.safe_load((REPO / 'model-index.yml').read_text())
    models = [
        model
        for path in index['Import']
        for model in yaml.safe_load((REPO / path).read_text())['Models']
    ]
    files = {f'configs/coop/{path.name}' for path in FILE.parent.glob('*.py')}
    assert {model['Config'] for model in models} == files
    for model in models:
        assert Path(model['Config']).stem == model['Name']
        # None has been trained to the end.
        assert 'Results' not in model and 'Weights' not in model


def test_submissions_by_mmsegmentations_tools(tmp_path):
    """The example of docs/host.md."""
    text = (REPO / 'docs/host.md').read_text()
    code = re.search(r'```python\n([^`]*submission_evaluator[^`]*)```', text)[1]
    config = read(tmp_path, code)
    assert config.test_evaluator.type == 'VOCSubmission'
    assert config.test_evaluator.out_dir == 'out'
    assert config.test_dataloader == config.submission_dataloader
