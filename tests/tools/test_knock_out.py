"""Knock-out of connections from the command line."""

import functools
import json
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image

from mmseg_coop.analysis.knock_out import choices
from mmseg_coop.apis import load_config
from mmseg_coop.datasets import ToyStreets
from mmseg_coop.evaluation.results import Results

from helpers.run_tool import run_tool
from helpers.tiny import build_pair

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
CONFIG = CONFIGS / 'deeplabv3plus_r18_multi_toy.py'
FEW = ['test_dataloader.dataset.num_images=3', 'test_dataloader.batch_size=2']
RANDOM_KEY = 'model.connections.connector.start'
RANDOM = f'{RANDOM_KEY}=random'
OPTIONS = ['--cfg-options', RANDOM, 'model.pretrained=begin.pth', *FEW]
# Not that of the losses.
OPTIONS += ['test_evaluator.ignore_index=0']


@pytest.fixture
def folder(tmp_path):
    config = Config.fromfile(CONFIG)
    config.merge_from_dict({'model.connections.connector': dict(start='random')})
    torch.manual_seed(0)
    torch.save(MODELS.build(config.model).state_dict(), tmp_path / 'a.pth')
    return tmp_path


@pytest.fixture
def tool(folder, monkeypatch, capsys):
    return lambda name, *arguments: run_tool(
        name, folder, arguments, monkeypatch, capsys
    )


def rows(folder, name='analysis'):
    content = json.loads((folder / name / 'knock_out.json').read_text())
    return {row['name']: row for row in content['rows']}


def test_each_connection_and_the_best_that_are_kept(folder, tool):
    done = tool('analyze.py', CONFIG, 'a.pth', '--knock-out', '--keep', 2, *OPTIONS)
    assert done.returncode == 0, done.stderr
    found = rows(folder)
    targets = [name for name in found if name.startswith('bottom.')]
    assert len(targets) == 6
    whole = found['nothing']['classes']
    assert sum(found[t]['classes'] != whole for t in targets) >= 5
    # The aggregation is left out only where nobody reads it.
    connectors = sum(found[target]['flops'] for target in targets)
    assert found['everything']['flops'] > connectors > 0
    figure = np.asarray(Image.open(folder / 'analysis/knock_out.png').convert('L'))
    assert figure.std() > 5
    # The whole is what tools/test.py says.
    tested = tool('test.py', CONFIG, 'a.pth', '--work-dir', 'run', *OPTIONS)
    assert tested.returncode == 0, tested.stderr
    results = Results.load(folder / 'run/results/test.npz')
    np.testing.assert_allclose(results.iou('bottom'), whole)
    # What is kept has the two without which the model is worst, and tests as it is.
    miou = {target: np.nanmean(found[target]['classes']) for target in targets}
    best = sorted(targets, key=miou.get)[:2]
    kept = MODELS.build(Config.fromfile(folder / 'analysis/kept.py').model)
    assert sorted(map(str, kept.plan.incoming)) == sorted(best)
    assert 'begin.pth' not in (folder / 'analysis/kept.py').read_text()
    checkpoint = torch.load(folder / 'analysis/kept.pth')
    kept.load_state_dict(checkpoint['state_dict'])
    assert checkpoint['meta']['dataset_meta'] == ToyStreets.METAINFO
    # It is the whole with the others switched off, and without all the network alone.
    config = load_config(str(CONFIG), {RANDOM_KEY: 'random'})
    model = MODELS.build(config.model).eval()
    model.load_state_dict(torch.load(folder / 'a.pth'))
    image = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        with model.plan.without(sorted(set(targets) - set(best))):
            assert torch.equal(model(image), kept.eval()(image))
        with model.plan.without(targets):
            assert torch.equal(model(image), model.networks.bottom(image))
    tested = tool('test.py', 'analysis/kept.py', 'analysis/kept.pth')
    assert tested.returncode == 0, tested.stderr


def test_goes_on_where_it_was(folder, tool, monkeypatch):
    arguments = [CONFIG, 'a.pth', '--knock-out', *OPTIONS]
    assert tool('analyze.py', *arguments).returncode == 0
    file = folder / 'analysis' / 'knock_out.json'
    content = json.loads(file.read_text())
    expected = content['rows'][-1]
    # As if it had been stopped before the last; and the first is not made again.
    del content['rows'][-1]
    content['rows'][0]['classes'][0] = 12.5
    file.write_text(json.dumps(content))
    assert tool('analyze.py', *arguments).returncode == 0
    found = rows(folder)
    assert found['everything'] == expected
    assert found['nothing']['classes'][0] == 12.5
    # Nor by the same weights from elsewhere.
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(folder / 'cache'))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}/a.pth'
        done = tool('analyze.py', CONFIG, url, '--keep', 1, *arguments[2:])
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert rows(folder)['nothing']['classes'][0] == 12.5
    assert (folder / 'analysis/kept.pth').is_file()
    # Other data are another test.
    other = [*arguments[:-2], 'test_dataloader.dataset.num_images=2']
    assert tool('analyze.py', *other).returncode == 0
    assert rows(folder)['nothing']['classes'][0] != 12.5


@pytest.mark.parametrize('content', ['', '{"key": "a"', '[]', '{"rows": []}'])
def test_a_damaged_file_is_named(folder, tool, content):
    file = folder / 'analysis' / 'knock_out.json'
    file.parent.mkdir()
    file.write_text(content)
    done = tool('analyze.py', CONFIG, 'a.pth', '--knock-out', *OPTIONS)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    expected = 'error: analysis/knock_out.json: expected what --knock-out has written'
    assert done.stderr.startswith(expected) and 'delete it' in done.stderr
    assert file.read_text() == content


def test_what_is_switched_off():
    star = build_pair(connections='star', num_networks=3)
    names = choices(star.plan)
    assert names['nothing'] == ()
    assert len(names['everything']) == len(star.plan.incoming)
    chain = build_pair(connections='same', num_networks=3)
    at_site = choices(chain.plan)['*.backbone.layer1']
    assert at_site == ('net2.backbone.layer1', 'net3.backbone.layer1')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([CONFIG, '--knock-out'], 'give a checkpoint after the config'),
        ([CONFIG, 'a.pth', '--keep', '2'], '--keep needs --knock-out'),
        ([CONFIG, 'a.pth', '--knock-out', '--keep', '9'], '--keep: found 9'),
        (
            [CONFIG, 'a.pth', '--knock-out', *OPTIONS, 'model.test_cfg.predict=top'],
            '--knock-out: the model predicts with top, which receives nothing',
        ),
        (
            [CONFIG, 'a.pth', '--out', 'a.pth/x'],
            '--out: found the file a.pth, expected',
        ),
    ],
)
def test_errors_are_one_line(folder, tool, arguments, message):
    done = tool('analyze.py', *arguments)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert done.stderr.startswith('error: ') and message in done.stderr
    assert not (folder / 'analysis').exists()


def test_what_is_kept_predicts_with_the_same_network(folder, tool):
    """Of two that read each other it would be the one that still receives."""
    cross = ['model.connections.pattern=cross', 'model.connections.sites=backbone']
    config = Config.fromfile(CONFIG)
    config.merge_from_dict(dict(option.split('=') for option in (*cross, RANDOM)))
    torch.save(MODELS.build(config.model).state_dict(), folder / 'b.pth')
    options = ['--cfg-options', RANDOM, *cross, *FEW]
    done = tool('analyze.py', CONFIG, 'b.pth', '--knock-out', '--keep', 1, *options)
    assert done.returncode == 0, done.stderr
    kept = Config.fromfile(folder / 'analysis/kept.py').model
    assert kept.test_cfg.predict == MODELS.build(config.model).predict_with == 'bottom'
