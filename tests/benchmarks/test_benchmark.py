"""The command ``python -m benchmarks`` and what it measures with."""

import json
from dataclasses import asdict

import pytest
import torch

from benchmarks.connectors import connectors_flops
from benchmarks.measurement import Measurement, timed
from benchmarks.models import build_host, build_pair, network_config, read_config
from benchmarks.prediction import average
from benchmarks.rows import write_markdown
from benchmarks.run_tools import host_config
from benchmarks.run_tools import run_tool as run_process
from mmseg_coop.cost.memory import peak_memory
from mmseg_coop.models.necks import CoopConnector

from helpers.run_tool import TOOLS, run_tool

MB = 2**20
TURNS = [0.7, 0.75, 0.8]
TIME = Measurement('prediction', 'theirs', 's', 2.0, 1.5, 0.95, TURNS)
STEP = Measurement('step', 'theirs', 'MB', 2.0, 4.0)
ROWS = {
    'c': dict(machine='a machine', quick=False, measurements=[asdict(TIME)]),
    'compile': dict(machine='another', quick=True, measurements=[asdict(STEP)]),
}


def _allocate(size: int):
    """A call that holds so many MB twice, one after the other."""

    def call():
        for _ in range(2):
            torch.ones(size * MB // 4)

    return call


def test_peak_memory_is_that_of_the_call(starts_fast):
    # What is given back is not counted a second time.
    assert peak_memory(_allocate, 300) == pytest.approx(300, rel=0.1)


def test_times_are_compared_turn_by_turn():
    times = dict(host=[1.0, 2.0, 4.0], ours=[1.0, 1.0, 1.0])
    measured = timed('step', 'theirs', times, 0.5)
    assert measured == Measurement(
        'step', 'theirs', 's', 2.0, 1.0, 0.5, [0.25, 0.5, 1.0]
    )
    assert measured.cells()[-1] == 'yes'
    assert timed('step', 'theirs', times, 0.4).cells()[-1] == '**no**'


def test_flops_of_connectors_are_those_of_their_convolutions():
    config = network_config('deeplabv3plus', quick=True)
    pair = build_pair(config).eval()
    counted = []
    for connector in pair.plan.connectors.values():
        connector.register_forward_hook(
            lambda module, _, out: counted.append(_multiplications(module, out))
        )
    pair.inference(torch.randn(1, 3, 96, 96), [dict(img_shape=(96, 96))])
    added, networks = connectors_flops(config, 96)
    # A multiplication and an addition each.
    assert added == 2 * sum(counted)
    assert networks > 10 * added


def _multiplications(connector: CoopConnector, out: torch.Tensor) -> int:
    pixels = out.shape[2] * out.shape[3]
    return pixels * (connector.arriving.weight.numel() + connector.own.weight.numel())


def test_both_sides_predict_the_same():
    config = network_config('danet', quick=True)
    hosts = [build_host(config).eval() for _ in range(2)]
    assert type(hosts[0].decode_head).__name__ == 'DAHead'
    pair = build_pair(config, None).eval()
    for host, network in zip(hosts, pair.networks.values(), strict=True):
        network.load_state_dict(host.state_dict())
    image = torch.randn(1, 3, 64, 96)
    same = average(hosts, image) == average([pair], image)
    assert same.float().mean() > 0.999


def test_markdown_stands_between_its_marks(tmp_path):
    file = tmp_path / 'benchmarks.md'
    write_markdown(file, ROWS)
    file.write_text(f'before\n{file.read_text()}after\n')
    write_markdown(file, ROWS)
    text = file.read_text()
    assert text.startswith('before\n') and text.endswith('after\n')
    row = '| 2 s | 1.5 s | 0.75 (in turn 0.75, 0.70 to 0.80) | ≤ 0.95 | yes |'
    assert text.count(row) == 1
    assert 'c: a machine' in text


def run(args, folder, monkeypatch, capsys):
    tools = TOOLS.parent / 'benchmarks'
    return run_tool('__main__.py', folder, args, monkeypatch, capsys, tools)


def test_tool_measures_a_row_and_keeps_the_others(
    tmp_path, monkeypatch, capsys, starts_fast
):
    (tmp_path / 'rows.json').write_text(json.dumps(ROWS))
    args = ['--only', 'e', '--quick', '--json', 'rows.json']
    done = run(args, tmp_path, monkeypatch, capsys)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / 'rows.json').read_text())
    assert list(rows) == ['c', 'e', 'compile']
    assert rows['c'] == ROWS['c']
    assert all(f['host'] > 0 and f['ours'] > 0 for f in rows['e']['measurements'])

    args = ['--only', '--json', 'rows.json', '--markdown', 'table.md']
    done = run(args, tmp_path, monkeypatch, capsys)
    assert done.returncode == 0, done.stderr
    assert 'e (quick)' in (tmp_path / 'table.md').read_text()


def test_no_rows_leave_the_table_as_it_is(tmp_path, monkeypatch, capsys):
    write_markdown(tmp_path / 'table.md', ROWS)
    before = (tmp_path / 'table.md').read_text()
    args = ['--only', '--json', 'misspelt.json', '--markdown', 'table.md']
    done = run(args, tmp_path, monkeypatch, capsys)
    assert done.returncode == 2 and 'error: --only: found no row' in done.stderr
    assert (tmp_path / 'table.md').read_text() == before


def test_a_tool_that_fails_is_told(tmp_path, starts_fast):
    config = host_config(read_config('danet_r18_single_camvid'))
    (tmp_path / 'broken.py').write_text('raise SystemExit("no such thing")')
    with pytest.raises(OSError, match='no such thing'):
        run_process(tmp_path / 'broken.py', config)


def test_the_host_has_nothing_of_this_project():
    config = host_config(read_config('danet_r101_single_cityscapes'))
    assert config.model.decode_head.type == 'DAHead'
    assert config.test_evaluator.type == 'IoUMetric'
    assert config.optim_wrapper.type == 'OptimWrapper'
    assert 'evaluation' not in config.default_hooks
    assert config.train_cfg.type == 'IterBasedTrainLoop'
