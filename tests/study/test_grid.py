import copy
import functools
import json
import os
from io import StringIO
from pathlib import Path

import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS
from rich.console import Console

from mmseg_coop.cost.cost import Cost
from mmseg_coop.models import CooperativeEncoderDecoder
from mmseg_coop.study import TrialExecutor, compare_trials, make_trials, read_grid
from mmseg_coop.study.progress import LiveTable
from mmseg_coop.study.step import next_step

from helpers.made_up import make_results, save_run

CONFIG, PAIR = 'single.py', 'pair.py'
GRIDS = sorted((Path(__file__).parents[2] / 'configs' / 'studies').glob('*.py'))


read = functools.cache(Config.fromfile)


@pytest.fixture
def grid(tmp_path):
    (tmp_path / CONFIG).write_text('model = dict(type="EncoderDecoder")\n')
    pair = 'model = dict(type="CooperativeEncoderDecoder")\n'
    (tmp_path / PAIR).write_text(pair)

    def write(**keys):
        path = tmp_path / 'grid.py'
        path.write_text(''.join(f'{key} = {value!r}\n' for key, value in keys.items()))
        return path

    return write


def methods(**others):
    return dict(a=dict(config=CONFIG), **others)


def test_entries(grid):
    found = read_grid(
        grid(
            seeds=[0, 1],
            options={'max_iters': 5},
            methods=methods(
                b=dict(config=CONFIG, options={'x.y': 1}, seeds=[1]),
                same=dict(config=PAIR),
                top=dict(of='same', predict='top'),
                pair=dict(config=CONFIG, networks='a', seeds=[(0, 1)]),
                taught=dict(config=CONFIG, networks_init=['a', None], seeds=[1]),
            ),
            _own='nothing of the grid',
        )
    )
    assert [(e.name, e.trained) for e in found.entries.values()] == [
        ('a', True),
        ('b', True),
        ('same', True),
        ('top', False),
        ('pair', False),
        ('taught', True),
    ]
    assert found.entries['b'].options == {'max_iters': 5, 'x.y': 1}
    assert found.entries['top'].seeds == (0, 1)
    trials = make_trials(found, grid().parent / 'work', grid().parent / 'records')
    by_name = {t.name: t for t in trials}
    # Every method once, then again.
    once = 'a/seed_0 b/seed_1 same/seed_0 top/seed_0 pair/seeds_0_1 taught/seed_1'
    assert list(by_name) == [*once.split(), 'a/seed_1', 'same/seed_1', 'top/seed_1']
    sources = by_name['pair/seeds_0_1'].sources
    assert sources == (by_name['a/seed_0'], by_name['a/seed_1'])
    assert by_name['a/seed_1'].config().randomness.seed == 1
    taught, source = by_name['taught/seed_1'], by_name['a/seed_1']
    assert taught.sources == (source,) and not taught.ready
    source.folder.mkdir(parents=True)
    (source.folder / 'weights.pth').touch()
    assert taught.ready
    weights = [str(source.folder / 'weights.pth'), None]
    assert taught.config().model.networks_init == weights


WRONG = {
    'seed: no such key': dict(seed=[0]),
    r'methods\.a\.sed: no such key': dict(methods=dict(a=dict(config=CONFIG, sed=1))),
    'methods: expected a dict': dict(methods={}),
    'methods: expected a dict of': dict(methods=3),
    'there is no config .*gone.py': dict(methods=dict(a=dict(config='gone.py'))),
    r'methods\.a\.seeds: found \[\], expected integers': dict(seeds=[]),
    r'methods\.a\.seeds: found 3, expected integers': dict(seeds=3),
    r"methods\.a\.seeds: found \('x',\), expected integers": dict(seeds=['x']),
    r"splits: found \['val'\], expected a dict": dict(splits=['val']),
    r'splits: found \{\}, expected a dict': dict(splits={}),
    r"splits: found \{'val': None\}, expected a dict": dict(splits=dict(val=None)),
    r"methods\.b: found 'c', expected one of": dict(
        methods=methods(b=dict(of='c', predict='top'))
    ),
    r'methods\.b: found predict; expected config': dict(
        methods=methods(b=dict(predict='top'))
    ),
    r'methods\.b: found of, predict, options; expected config': dict(
        methods=methods(b=dict(of='a', predict='top', options={'x': 1}))
    ),
    r'methods\.b\.seeds: found \(0,\), expected groups of seeds': dict(
        methods=methods(b=dict(config=CONFIG, networks='a'))
    ),
    r'methods\.b\.seeds: found \[0, 7\], but a is trained': dict(
        methods=methods(b=dict(config=CONFIG, networks='a', seeds=[(0, 7)]))
    ),
    r"methods\.b: found 'd', expected one of": dict(
        methods=methods(b=dict(config=CONFIG, networks_init=['d', None]))
    ),
    r'methods\.b: found of, networks_init; expected config': dict(
        methods=methods(b=dict(of='a', networks_init=['a', None]))
    ),
    r'methods\.b\.seeds: found \[7\], but a is trained': dict(
        methods=methods(b=dict(config=CONFIG, networks_init=['a'], seeds=[7]))
    ),
    r'methods\.c: b is not trained itself': dict(
        methods=methods(b=dict(of='a', predict='x'), c=dict(of='b', predict='x'))
    ),
    "checkpoint: found 'first', expected 'last' or 'best'": dict(checkpoint='first'),
    r"baselines: found 'z'": dict(baselines=dict(single=['z'])),
    r"baselines: found \['a'\], expected a dict": dict(baselines=['a']),
    "grid.py: options: found 'x', expected a dict": dict(options='x'),
    r'methods\.b\.options: found 3, expected a dict': dict(
        methods=methods(b=dict(config=CONFIG, options=3))
    ),
}


@pytest.mark.parametrize('message', WRONG)
def test_what_is_wrong_is_named(grid, message):
    keys = {**dict(seeds=[0], methods=methods()), **WRONG[message]}
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_grid(grid(**keys))


@pytest.mark.parametrize('text', ['a = (', 'a = b'])
def test_a_grid_that_is_no_code(grid, text):
    path = grid()
    path.write_text(text)
    with pytest.raises(ValueError, match=r'grid\.py can not be read as a grid \('):
        read_grid(path)


@pytest.mark.parametrize('key', ['methods.a.options', 'splits.val'])
def test_options_that_do_not_fit(grid, key):
    wrong = {'model.type.x': 1}
    keys = dict(options=wrong) if 'methods' in key else dict(splits=dict(val=wrong))
    path = grid(seeds=[0], methods=methods(), **keys)
    with pytest.raises(ValueError, match=rf'grid\.py: {key}: model.type.x'):
        make_trials(read_grid(path), path.parent, path.parent)


@pytest.mark.parametrize(
    ('entry', 'message'),
    [
        (dict(of='same', predict='tpo'), "b.predict: found 'tpo', expected one of top"),
        (
            dict(of='a', predict='top'),
            'b.of: found .a., expected a method with several',
        ),
    ],
)
def test_predictions_that_a_model_does_not_have(grid, entry, message):
    """They would end a study once the method has been trained."""
    path = grid(seeds=[0], methods=methods(same=dict(config=PAIR), b=entry))
    with pytest.raises(ValueError, match=message):
        make_trials(read_grid(path), path.parent, path.parent)


@MODELS.register_module()
class Trio(CooperativeEncoderDecoder):
    """A user's class, which names its networks itself."""


def test_predictions_of_a_users_class_are_not_known(grid, tmp_path):
    (tmp_path / 'trio.py').write_text('model = dict(type="Trio")\n')
    entries = dict(trio=dict(config='trio.py'), one=dict(of='trio', predict='net1'))
    path = grid(seeds=[0], methods=entries)
    assert len(make_trials(read_grid(path), path.parent, path.parent)) == 2


def test_weights_of_other_options_are_not_tested(grid, tmp_path):
    def trial(lr):
        path = grid(seeds=[0], methods=methods(), options={'lr': lr})
        return make_trials(read_grid(path), tmp_path / 'work', tmp_path)[0]

    trial(1).write_config()
    trial(1).write_config('val')
    for split in (None, 'val'):
        with pytest.raises(ValueError, match='delete .*work/a/seed_0 or rename'):
            trial(2).write_config(split)


@pytest.mark.parametrize(
    'keys', [dict(half=True), dict(checkpoint='best'), dict(splits=dict(val={'a': 1}))]
)
def test_results_of_another_test_are_not_shown(keys, grid, tmp_path):
    def trial(**keys):
        path = grid(seeds=[0], methods=methods(), **keys)
        return make_trials(read_grid(path), tmp_path / 'work', tmp_path / 'records')[0]

    first = trial()
    record = first.record('val') / 'run.json'
    record.parent.mkdir(parents=True)
    about = dict(first.identity, split_options={})
    record.write_text(json.dumps(about))
    assert first.finished
    with pytest.raises(ValueError, match=r'run\.json: \w+: found .*, but the grid'):
        assert trial(**keys).finished
    # Records of an earlier version do not tell.
    for key in ('half', 'checkpoint', 'split_options'):
        del about[key]
    record.write_text(json.dumps(about))
    assert trial(**keys).finished


def test_a_test_has_the_options_of_its_training_and_then_its_own(grid, tmp_path):
    own = dict(a=dict(config=CONFIG, options={'x': 2, 'y': 2}))
    own['b'] = dict(of='a', options={'y': 3})
    path = grid(seeds=[0], options={'x': 1, 'y': 1}, methods=own)
    _, tested = make_trials(read_grid(path), tmp_path, tmp_path)
    config = tested.config('val')
    assert (config.x, config.y) == (2, 3)


def keep_record(trial):
    record = trial.record('val') / 'run.json'
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(dict(trial.identity, split_options={})))


@pytest.mark.parametrize(
    'method',
    [
        dict(of='a', options={'y': 1}),
        dict(config=CONFIG, networks='a', seeds=[(0,)]),
        dict(config=CONFIG, networks_init=['a', None], options={'x': 0}),
    ],
    ids=['of', 'networks', 'networks_init'],
)
def test_results_of_weights_that_were_trained_again_are_not_shown(
    method, grid, tmp_path
):
    def trials(x):
        a = dict(config=CONFIG, options={'x': x})
        path = grid(seeds=[0], methods=dict(a=a, b=method))
        return make_trials(read_grid(path), tmp_path / 'work', tmp_path / 'records')

    for trial in trials(1):
        keep_record(trial)
    source, tested = trials(2)
    keep_record(source)
    assert source.finished
    with pytest.raises(ValueError, match=r'b/seed.*run\.json: sources: found .*delete'):
        assert tested.finished
    # Records of an earlier version do not tell.
    file = tested.record('val') / 'run.json'
    about = json.loads(file.read_text())
    del about['sources']
    file.write_text(json.dumps(about))
    assert tested.finished


def test_a_first_start_does_not_resume(grid, tmp_path):
    """Else one whose config has a ``load_from`` would continue that run."""
    path = grid(seeds=[0], methods=methods())
    (trial,) = make_trials(read_grid(path), tmp_path / 'work', tmp_path / 'records')
    assert '--resume' not in next_step(trial).command()
    trial.folder.mkdir(parents=True)
    (trial.folder / 'last_checkpoint').write_text('iter_2.pth')
    assert '--resume' in next_step(trial).command()


def test_a_run_whose_source_has_lost_its_weights_is_told(grid, tmp_path):
    path = grid(seeds=[0], methods=methods(b=dict(of='a', options={'x': 1})))
    trials = make_trials(read_grid(path), tmp_path / 'work', tmp_path / 'records')
    keep_record(trials[0])
    executor = TrialExecutor(trials, 1)
    executor.run(lambda _: None)
    (reason,) = executor.failed.values()
    assert 'needs the weights of a/seed_0, which are gone from' in reason
    assert reason.endswith('records/val/a/seed_0 to train it again')


def test_runs_find_the_modules_that_the_study_finds(grid, tmp_path, monkeypatch):
    """As with ``python -m mmseg_coop``, in the folder where a user's modules are."""
    monkeypatch.setattr('mmseg_coop.study.step.TOOLS', tmp_path)
    (tmp_path / 'train.py').write_text('import own_of_the_user')
    (tmp_path / 'modules').mkdir()
    (tmp_path / 'modules' / 'own_of_the_user.py').touch()
    monkeypatch.syspath_prepend(str(tmp_path / 'modules'))
    trials = make_trials(
        read_grid(grid(seeds=[0], methods=methods())), tmp_path / 'work', tmp_path
    )
    executor = TrialExecutor(trials, 1)
    executor.run(lambda _: None)
    (reason,) = executor.failed.values()
    assert reason.endswith('has left no last checkpoint')


def test_each_split_has_costs_of_its_own(grid, tmp_path, monkeypatch):
    """Their images may have another size."""

    def measure(configs):
        return {k: Cost(1, None, c.size, 1, [1, 1], None) for k, c in configs.items()}

    monkeypatch.setattr('mmseg_coop.comparison.cost_table.measure_costs', measure)
    splits = dict(val={'size': 1}, large={'size': 4})
    path = grid(seeds=[0], methods=methods(), splits=splits)
    (trial,) = make_trials(read_grid(path), tmp_path / 'work', tmp_path / 'records')
    for split in splits:
        run = save_run(trial.record(split), make_results(0.8))
        trial.config(split).dump(run / 'danet_r18_single_camvid.py')
    for split in (*splits, *splits):
        costs = compare_trials([trial], split, trial.records).costs
        assert costs['a'].prediction_flops == splits[split]['size']


@pytest.mark.parametrize('term', ['dumb', 'xterm'])
def test_progress_is_shown_on_any_terminal(grid, tmp_path, term):
    path = grid(seeds=[0], methods=methods(), options={'train_cfg': {}})
    executor = TrialExecutor(make_trials(read_grid(path), tmp_path, tmp_path), 1)
    executor.failed = dict.fromkeys(executor.trials, 'broken')
    text = StringIO()
    console = Console(file=text, force_terminal=True, _environ=dict(TERM=term))
    with LiveTable(executor, console) as table:
        table(executor)
        shown = text.getvalue()
    expected = 'a/seed_0: failed: broken' if term == 'dumb' else '0 of 1 runs'
    assert expected in shown


@pytest.mark.parametrize('path', GRIDS, ids=lambda path: path.stem)
def test_shipped_grids_build(path):
    entries = read_grid(path).entries
    assert len(entries) > 1
    for entry in entries.values():
        if entry.config is not None and entry.options:
            config = copy.deepcopy(read(entry.config))
            config.merge_from_dict(dict(entry.options))
            dataset = DATASETS.get(config.train_dataloader.dataset.type)
            classes = len(dataset.METAINFO['classes'])
            assert MODELS.build(config.model).num_classes == classes


def test_a_config_that_has_changed_is_not_continued(grid, tmp_path):
    path = grid(seeds=[0], methods=methods())
    (trial,) = make_trials(read_grid(path), tmp_path / 'work', tmp_path)
    trial.write_config()
    config = tmp_path / CONFIG
    # Nothing is trained yet.
    more = 'optim_wrapper = dict(lr=0.1)\ntrain_cfg = dict(val_interval=4)\n'
    config.write_text(config.read_text() + more)
    trial.write_config()
    (trial.folder / 'last_checkpoint').write_text('iter_2.pth')
    trial.write_config()
    # What training does not depend on.
    more = 'test_dataloader = dict(batch_size=2)\ntrain_cfg = dict(val_interval=2)\n'
    config.write_text(config.read_text() + more)
    trial.write_config('val')
    config.write_text(config.read_text().replace('0.1', '0.01'))
    for split in (None, 'val'):
        with pytest.raises(
            ValueError, match='work/a/seed_0: optim_wrapper.lr of .*delete'
        ):
            trial.write_config(split)


def test_of_several_best_checkpoints_that_of_the_first_metric(grid, tmp_path):
    keys = ['bottom/mIoU', 'NLL']
    (tmp_path / CONFIG).write_text(
        f'model = {{}}\ndefault_hooks = dict(checkpoint=dict(save_best={keys}))\n'
    )
    path = grid(seeds=[0], methods=methods(), checkpoint='best')
    (trial,) = make_trials(read_grid(path), tmp_path / 'work', tmp_path)
    trial.folder.mkdir(parents=True)
    names = ['best_bottom_mIoU_iter_4.pth', 'best_NLL_iter_12.pth']
    for time, name in enumerate(names):
        (trial.folder / name).touch()
        os.utime(trial.folder / name, (time, time))
    assert trial.checkpoint().name == 'best_bottom_mIoU_iter_4.pth'
