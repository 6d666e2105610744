"""A model in a folder, from the command line to a prediction elsewhere."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import MODELS
from safetensors import safe_open

from mmseg_coop.apis import Predictor, load_config
from mmseg_coop.checkpoints.training_record import training_runs_of
from mmseg_coop.evaluation.results import Results

from helpers.harmful import WAYS, harmful_checkpoint
from helpers.run_tool import run_tool

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
    message = 'elsewhere: there is no checkpoint (*.pth, *.safe'
    assert done.returncode == 2 and message in done.stderr


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
    assert 'None: no test of it was found' in card


@pytest.fixture(scope='module')
def run(folder):
    """A work dir with the results of a test, and its checkpoint by another name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        options = {'test_dataloader.dataset.num_images': 4, 'work_dir': 'run'}
        config = load_config(str(CONFIG), options)
        config.load_from = 'a.pth'
        Runner.from_cfg(config).test()
    shutil.copy(folder / 'a.pth', folder / 'run' / 'renamed.pth')
    return Results.load(folder / 'run/results/test.npz')


def card_of(folder):
    """A model card, and the mIoU that its head tells."""
    card = (folder / 'README.md').read_text()
    results = yaml.safe_load(card.split('---')[1]).get('model-index')
    return card, results and results[0]['results'][0]['metrics'][0]['value']


@pytest.mark.parametrize('selected', ['bottom', 'top', 'mean'])
def test_the_card_has_the_results_of_its_weights(folder, tool, run, selected):
    out = f'tested_{selected}'
    options = ['--cfg-options', f'model.test_cfg.predict={selected}']
    done = tool('publish.py', CONFIG, 'run/renamed.pth', '--out', out, *options)
    assert done.returncode == 0, done.stderr
    card, value = card_of(folder / out)
    assert value == round(run.miou(selected), 2)
    assert f'| {selected} (selected) | {value:.2f} |' in card
    for name in {'top', 'bottom', 'mean'} - {selected}:
        assert f'| {name} | {run.miou(name):.2f} |' in card
    assert 'oracle' not in card and f'# {CONFIG.stem}\n' in card
    # Published again.
    files = f'{out}/config.py', f'{out}/model.safetensors'
    done = tool('publish.py', *files, '--out', f'{out}_again')
    assert done.returncode == 0, done.stderr
    assert card_of(folder / f'{out}_again') == (card, value)


def test_results_of_other_weights_are_not_on_the_card(folder, tool, run):
    state = torch.load(folder / 'a.pth')
    state['state_dict']['networks.top.decode_head.conv_seg.bias'] += 1
    (folder / 'run' / 'elsewhere').mkdir()
    for path in ('run/a.pth', 'run/elsewhere/a.pth'):
        torch.save(state, folder / path)
    done = tool('publish.py', CONFIG, 'run/a.pth', '--out', 'untested')
    assert done.returncode == 0, done.stderr
    card, value = card_of(folder / 'untested')
    assert value is None
    assert 'None: test.npz is of other weights than the checkpoint has' in card
    # Nor of another mode, nor those of which that is not known.
    slide = ['mode=slide', 'crop_size=(64,64)', 'stride=(32,32)']
    slide = ['--cfg-options', *(f'model.test_cfg.{option}' for option in slide)]
    told = {key: value for key, value in run.meta.items() if key != 'model'}
    replace(run, meta=told).save(folder / 'old.npz')
    for path, options, message in (
        ('run/a.pth', ['--run', 'run'], 'test.npz is of other weights'),
        (
            'a.pth',
            ['--run', 'run', *slide],
            "test.npz is of test_cfg={'mode': 'whole'}",
        ),
        ('a.pth', ['--run', 'old.npz'], 'old.npz does not name the tested weights'),
    ):
        done = tool('publish.py', CONFIG, path, '--out', 'refused', *options)
        assert done.returncode == 2 and not (folder / 'refused').exists()
        assert 'error: --run: ' in done.stderr and message in done.stderr


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
    assert training_runs_of(written) == [expected]


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
