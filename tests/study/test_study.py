"""tools/study.py from start to end, killed in between."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from mmengine.runner import CheckpointLoader

from mmseg_coop.evaluation.results import Results
from mmseg_coop.study import TrialExecutor, make_trials, read_grid

from helpers.run_tool import TOOLS, run_tool

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
ITERS = 12
GRID = f"""
seeds = [0]
half = True
options = {{
    'train_cfg.max_iters': {ITERS},
    'train_cfg.val_interval': {ITERS},
    'default_hooks.checkpoint.interval': 2,
    'default_hooks.logger.interval': 1,
    'train_dataloader.batch_size': 2,
    'train_dataloader.dataset.num_images': 16,
    'val_dataloader.dataset.num_images': 4,
    'test_dataloader.dataset.num_images': 4,
}}
splits = dict(val={{}})
splits['more'] = {{'test_dataloader.dataset.num_images': 6}}
methods = dict(
    broken=dict(
        config='{CONFIGS}/deeplabv3plus_r18_same_toy.py',
        options={{'model.loss_weights': [1]}},
    ),
    single=dict(config='{CONFIGS}/deeplabv3plus_r18_single_toy.py'),
    same=dict(config='{CONFIGS}/deeplabv3plus_r18_same_toy.py'),
    same_top=dict(of='same', predict='top'),
    needs_broken=dict(of='broken', options={{'model.test_cfg.predict': 'mean'}}),
)
"""


def start(python, folder) -> subprocess.Popen:
    command = [python, TOOLS / 'study.py', 'grid.py', '--work-dir', 'work']
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(true, seconds=600):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def logged(run) -> int:
    return sum(f.read_text().count('"loss"') for f in run.glob('*/*/scalars.json'))


@pytest.fixture(scope='module')
def study(tmp_path_factory, python):
    """A study that was killed in its second training, and resumed; what it printed."""
    folder = tmp_path_factory.mktemp('study')
    (folder / 'grid.py').write_text(GRID)
    process = start(python, folder)
    same = folder / 'work' / 'same' / 'seed_0'
    try:
        wait_for(lambda: logged(same) >= 4 or process.poll() is not None)
        before = (folder / 'work/single/seed_0/weights.safetensors').stat().st_mtime_ns
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    # The training run is signalled, saves and exits.
    trial = find(folder, 'same')
    wait_for(lambda: trial.lock() is not None)
    assert not trial.finished and trial.weights is None
    process = start(python, folder)
    out, err = process.communicate(timeout=1200)
    after = (folder / 'work/single/seed_0/weights.safetensors').stat().st_mtime_ns
    assert before == after
    return folder, process.returncode, out, err


def find(folder, method):
    grid = read_grid(folder / 'grid.py')
    trials = make_trials(grid, folder / 'work', folder / 'work' / 'records')
    return next(trial for trial in trials if trial.entry.name == method)


def attempts(folder, method) -> list[str]:
    lines = (folder / 'work' / method / 'seed_0' / 'attempts.jsonl').read_text()
    return [json.loads(line)['step'] for line in lines.splitlines()]


def test_killed_and_resumed(study):
    folder = study[0]
    # Finished commands are not run again, others continue.
    tests = ['test val', 'test more']
    assert attempts(folder, 'single') == ['train', *tests]
    assert attempts(folder, 'same') == ['train', 'train', *tests]
    output = (folder / 'work/same/seed_0/output.txt').read_text()
    assert 'Stopped by SIGTERM' in output and 'Resuming from' in output
    assert output.count(f'Iter(train) [{ITERS}/{ITERS}]') == 1


def test_a_failed_run_is_left_out(study):
    folder, code, out, err = study
    assert code == 2 and 'Traceback' not in err
    assert 'error: 2 of 5 runs have failed' in err
    assert 'broken/seed_0: failed: train: error: loss_weights: found [1]' in out
    assert 'needs_broken/seed_0: failed: needs broken/seed_0' in out
    assert find(folder, 'broken').failure.startswith('train: error: loss_weights')


def test_records_are_all_that_compare_needs(study):
    folder = study[0]
    for split, images in (('val', 4), ('more', 6)):
        record = folder / 'work/records' / split / 'same/seed_0'
        results = Results.load(record / 'results' / 'test.npz')
        assert len(results.images) == images and results.calibration
        about = json.loads((record / 'run.json').read_text())
        assert about['seed'] == 0 and about['training_hours'] > 0
        assert all(attempt['revision'] for attempt in about['attempts'])
        assert about['options']['train_cfg.max_iters'] == ITERS
        table = (folder / 'work/records' / f'grid_{split}.md').read_text()
        assert '| same_top ‡ |' in table and 'GFLOPs to predict' in table
        assert (folder / 'work/report/grid' / split / 'costs.png').is_file()
    small = sum(f.stat().st_size for f in (folder / 'work/records').rglob('*'))
    assert small < 200_000


def test_half_precision_is_kept_and_tested(study):
    run = study[0] / 'work/same/seed_0'
    assert not list(run.glob('*.pth'))
    path = run / 'weights.safetensors'
    weights = CheckpointLoader.load_checkpoint(str(path), 'cpu')['state_dict']
    kinds = {str(w.dtype) for w in weights.values() if w.dim() > 1}
    assert kinds == {'torch.float16'}
    meta = Results.load(run / 'tests/val/results/test.npz').meta
    assert Path(meta['checkpoint']).name == path.name and meta['seed'] == 0


def test_records_alone_give_the_tables_again(
    study, tmp_path, monkeypatch, capsys, starts_fast
):
    """As from a clone, without checkpoints and data."""
    folder = study[0]
    records = folder / 'work' / 'records'
    before = (records / 'grid_val.md').read_text()
    (records / 'grid_val.md').unlink()
    lines = [
        line for line in GRID.splitlines() if not line.startswith("splits['more']")
    ]
    # At the same depth: records name configs relative to it.
    grid = tmp_path / 'grid.py'
    grid.write_text('\n'.join(lines))
    options = [grid, '--work-dir', 'elsewhere', '--records', records, '--jobs', 0]
    done = run_tool('study.py', folder, options, monkeypatch, capsys)
    assert done.returncode == 0, done.stderr
    assert (records / 'grid_val.md').read_text() == before


def test_the_list_runs_nothing(study, monkeypatch, capsys):
    folder = study[0]
    files = sorted(folder.rglob('*'))
    options = ['grid.py', '--work-dir', 'work', '--list']
    done = run_tool('study.py', folder, options, monkeypatch, capsys)
    assert done.returncode == 0 and '3 of 5 runs' in done.stdout
    assert 'broken/seed_0: train: error: loss_weights' in done.stdout
    assert sorted(folder.rglob('*')) == files


def test_other_options_are_not_mixed(study, tmp_path):
    folder = study[0]
    changed = tmp_path / 'grid.py'
    changed.write_text(GRID.replace("'train_dataloader.batch_size': 2", "'x': 3"))
    work = folder / 'work'
    trials = make_trials(read_grid(changed), work, work / 'records')
    with pytest.raises(
        ValueError, match=r'run\.json: (config|options): found .*delete'
    ):
        TrialExecutor(trials, 1)


def test_what_another_process_works_on_is_left_to_it(study):
    def interrupt(executor):
        raise KeyboardInterrupt

    folder = study[0]
    trial = find(folder, 'broken')
    lock = trial.lock()
    try:
        executor = TrialExecutor([trial], 1)
        # It would wait for the other process: the first look at it ends the run.
        with pytest.raises(KeyboardInterrupt):
            executor.run(interrupt)
        assert executor.elsewhere == {trial} and executor.running(trial) is None
    finally:
        lock.close()


def test_results_of_a_network_are_those_of_its_pair(study):
    folder = study[0]
    trial = find(folder, 'same_top')
    pair = Results.load(folder / 'work/records/val/same/seed_0/results/test.npz')
    assert trial.miou() == pair.miou('top')
    assert np.isfinite(trial.miou())
    assert not (folder / 'work' / 'same_top').exists()
    assert os.path.basename(trial.argument('val')).endswith('seed_0:top')


def test_threads_are_divided_and_limited(monkeypatch):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    cores = TrialExecutor([], 1).threads
    assert TrialExecutor([], 2).threads == max(cores // 2, 1)
    for asked, expected in (('1', 1), (str(cores + 1), cores), ('', cores)):
        monkeypatch.setenv('OMP_NUM_THREADS', asked)
        assert TrialExecutor([], 1).threads == expected
