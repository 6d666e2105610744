"""A model in a folder, from the command line to a prediction elsewhere."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from mmseg.registry import MODELS
from safetensors import safe_open

from mmseg_coop.apis import Predictor, load_config
from mmseg_coop.checkpoints.training_record import trainings_of

from harmful import WAYS, harmful_checkpoint
from run_tool import run_tool

CONFIG = Path(__file__).parents[2] / 'configs/coop/deeplabv3plus_r18_same_toy.py'


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('publish')
    torch.manual_seed(0)
    weights = MODELS.build(Config.fromfile(CONFIG).model).state_dict()
    meta = dict(iter=160, seed=3, cfg='a = "/home/me"')
    torch.save(dict(state_dict=weights, meta=meta), folder / 'a.pth')
    torch.save(dict(a=torch.zeros(1)), folder / 'other.pth')
    torch.save(harmful_checkpoint(WAYS['mkdir']('made')), folder / 'harm.pth')
    picture = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    cv2.imwrite(str(folder / 'image.png'), picture)
    return folder


@pytest.fixture
def tool(folder, monkeypatch, capsys):
    return lambda name, *arguments: run_tool(
        name, folder, arguments, monkeypatch, capsys
    )


def test_a_folder_predicts_by_itself(folder, tool):
    begin = '--cfg-options', 'model.pretrained=begin.pth'
    done = tool('publish.py', CONFIG, 'a.pth', '--out', 'model', *begin)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (folder / 'model').iterdir()}
    assert names == {'README.md', 'config.json', 'config.py', 'model.safetensors'}
    elsewhere = folder / 'elsewhere'
    shutil.move(folder / 'model', elsewhere)
    picture = str(folder / 'image.png')
    expected = Predictor(CONFIG, str(folder / 'a.pth'), 'cpu')(picture)
    found = Predictor(elsewhere, device='cpu')(picture)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert found.classes == expected.classes
    done = tool('predict.py', elsewhere, 'image.png', '--save', 'label', '--out', 'p')
    assert done.returncode == 0, done.stderr
    label = cv2.imread(str(folder / 'p/label/image.png'), -1)
    assert (label == expected.label).mean() > 0.999
    check_contents(elsewhere, expected)
    assert 'begin.pth' not in (elsewhere / 'config.py').read_text()
    (elsewhere / 'model.safetensors').unlink()
    done = tool('predict.py', elsewhere, 'image.png')
    assert done.returncode == 2
    assert 'elsewhere: there is no checkpoint (*.pth, *.safe' in done.stderr


def check_contents(folder, predictor):
    labels = json.loads((folder / 'config.json').read_text())
    assert tuple(labels['id2label'].values()) == predictor.classes
    assert labels['data_preprocessor']['mean'] and len(labels['palette']) == 8
    with safe_open(folder / 'model.safetensors', framework='pt') as file:
        assert '/home/me' not in str(file.metadata())
    card = (folder / 'README.md').read_text()
    head = yaml.safe_load(card.split('---')[1])
    assert head['pipeline_tag'] == 'image-segmentation'
    for part in ('seed 3', 'iter 160', 'GFLOPs', 'no command recorded'):
        assert part in card
    assert 'no versions recorded' in card and 'tools/train.py' not in card
    published = next(x for x in card.splitlines() if x.startswith('Published with'))
    assert f'torch {torch.__version__}' in published
    assert 'None: the run has no results' in card


def test_the_card_has_the_results_of_the_run(folder, tool):
    options = ['--cfg-options', 'test_dataloader.dataset.num_images=4']
    done = tool('test.py', CONFIG, 'a.pth', '--work-dir', 'run', *options)
    assert done.returncode == 0, done.stderr
    done = tool('publish.py', CONFIG, 'a.pth', '--out', 'tested', '--run', 'run')
    assert done.returncode == 0, done.stderr
    card = (folder / 'tested' / 'README.md').read_text()
    head = yaml.safe_load(card.split('---')[1])
    value = head['model-index'][0]['results'][0]['metrics'][0]['value']
    assert f'| bottom (selected) | {value:.2f} |' in card
    assert '| top | ' in card and '| mean | ' in card and 'oracle' not in card
    # Results of one checkpoint are not another's.
    shutil.copy(folder / 'a.pth', folder / 'run' / 'b.pth')
    done = tool('publish.py', CONFIG, 'run/b.pth', '--out', 'untested')
    assert done.returncode == 0, done.stderr
    card = (folder / 'untested' / 'README.md').read_text()
    assert 'None: the run has no results' in card


def test_what_split_and_join_write_predicts_by_its_folder(folder, tool):
    done = tool('split.py', CONFIG, 'a.pth', '--network', 'top', '--out', 'one')
    assert done.returncode == 0, done.stderr
    done = tool('join.py', 'one', 'one', '--out', 'two')
    assert done.returncode == 0, done.stderr
    picture = str(folder / 'image.png')
    config = load_config(str(CONFIG), {'model.test_cfg.predict': 'top'})
    expected = Predictor(config, str(folder / 'a.pth'), 'cpu')(picture)
    for name in ('one', 'two'):
        found = Predictor(folder / name, device='cpu')(picture)
        np.testing.assert_allclose(found.probabilities, expected.probabilities, 1e-5)
        options = '--save', 'label', '--out', f'of_{name}'
        done = tool('predict.py', name, 'image.png', *options)
        assert done.returncode == 0, done.stderr
        label = cv2.imread(str(folder / f'of_{name}/label/image.png'), -1)
        assert (label == expected.label).mean() > 0.999


def test_a_taught_student_needs_its_teachers_checkpoint_no_more(folder, tool):
    config = CONFIG.with_name('deeplabv3plus_r18_distilled_toy.py')
    model = Config.fromfile(config).model
    model.networks_init = None
    torch.manual_seed(0)
    weights = MODELS.build(model).state_dict()
    # The counter of a loss that was warmed up.
    weights['cooperation_losses.0.iters'] = torch.tensor(5)
    meta = dict(experiment_name='taught_20260102_030405', seed=5)
    meta['training'] = dict(command='python tools/train.py taught.py --amp')
    torch.save(dict(state_dict=weights, meta=meta), folder / 'taught.pth')
    done = tool('publish.py', config, 'taught.pth', '--out', 'taught')
    assert done.returncode == 0, done.stderr
    assert 'GFLOPs' in (folder / 'taught' / 'README.md').read_text()
    assert 'networks_init' not in (folder / 'taught' / 'config.py').read_text()
    card = (folder / 'taught' / 'README.md').read_text()
    assert 'python tools/train.py taught.py --amp' in card
    options = ['--network', 'student', '--out', 'alone']
    done = tool('split.py', config, 'taught.pth', *options)
    assert done.returncode == 0, done.stderr
    # The student was trained as the whole was.
    written = torch.load(next((folder / 'alone').glob('*.pth')))['meta']
    expected = dict(meta['training'], config='taught', seed=5)
    assert trainings_of(written) == [expected]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['nowhere.pth', '--out', 'new'], 'there is no file nowhere.pth'),
        (['other.pth', '--out', 'new'], 'another architecture'),
        (['harm.pth', '--out', 'new'], 'loading it would run'),
        (['a.pth', '--out', '.'], 'is there already'),
        (['a.pth', '--out', 'new', '--run', 'nowhere'], 'nowhere: there is no'),
    ],
)
def test_errors_are_one_line_and_leave_nothing(folder, tool, arguments, message):
    before = sorted(folder.iterdir())
    done = tool('publish.py', CONFIG, *arguments)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert done.stderr.startswith('error: ') and message in done.stderr
    assert sorted(folder.iterdir()) == before
