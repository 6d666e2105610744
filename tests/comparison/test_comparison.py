import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import pyplot
from rich.console import Console
from scipy.stats import sem, t, ttest_ind, ttest_rel

from mmseg_coop.comparison.comparison import Gain, compare
from mmseg_coop.comparison.iou_tables import all_tables, main_table
from mmseg_coop.comparison.paper import paper_rows
from mmseg_coop.comparison.report import write_report
from mmseg_coop.comparison.report.cost_figure import dominated, draw_costs
from mmseg_coop.comparison.report.figures import draw_gains
from mmseg_coop.comparison.runs import load_runs
from mmseg_coop.comparison.statistics import (
    Interval,
    bootstrap,
    interval,
    mean_interval,
    p_value,
)
from mmseg_coop.comparison.table_formats import (
    as_json,
    comma_separated,
    latex,
    markdown,
    print_tables,
)
from mmseg_coop.cost.cost import Cost

from helpers.made_up import make_results, save_run

QUALITY = dict(single=0.8, ensemble=0.85, same=0.9)
SEEDS = (0, 1, 2)


@pytest.fixture
def folders(tmp_path):
    """Three methods with three seeds each, the best one last."""
    return [
        str(save_run(tmp_path / f'{method}_{seed}', make_results(q, method, seed)))
        for method, q in QUALITY.items()
        for seed in SEEDS
    ]


@pytest.fixture
def comparison(folders):
    return compare(load_runs(folders))


def test_runs_of_a_config_are_seeds_of_a_method(comparison):
    assert [m.label for m in comparison.methods] == ['single', 'ensemble', 'same']
    single = comparison.methods[0]
    mious = [make_results(0.8, 'single', seed).miou() for seed in SEEDS]
    np.testing.assert_allclose(single.mious, mious)
    assert single.miou == pytest.approx(np.mean(mious))
    assert single.std == pytest.approx(np.std(mious, ddof=1))


def test_gains(comparison):
    single, ensemble, same = comparison.methods
    gain = comparison.gain(same, 'single')
    assert gain.points == pytest.approx(same.miou - single.miou)
    assert gain.interval.low < gain.points < gain.interval.high
    assert gain.interval.low > 0 and gain.significant
    assert gain.p_value == pytest.approx(ttest_rel(same.mious, single.mious).pvalue)
    assert comparison.gain(ensemble, 'ensemble') is None
    assert comparison.gain(single, 'single') is None
    assert comparison.gain(single, 'ensemble') is None


def test_gains_are_over_the_network_itself(tmp_path):
    """DeepLabv3+ is not compared with DANet."""
    meta = dict(network='DeepLabv3+', name='deeplab')
    other = make_results(0.9, 'same', meta=meta)
    runs = [
        save_run(tmp_path / 'a', make_results(0.8)),
        save_run(tmp_path / 'b', other),
    ]
    comparison = compare(load_runs(list(map(str, runs))))
    assert [m.label for m in comparison.methods] == ['single', 'same']
    assert comparison.gain(comparison.methods[1], 'single') is None


def test_bootstrap_covers_what_other_images_would_give():
    """Draw images from a known population: 95 % of the intervals hold the truth."""
    population = make_results(0.8).areas['prediction'].repeat(50, axis=0)
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 60, (1000, 3)) * [1, 1, 0]
    better = population.copy()
    better[:, 0] += noise
    truth = _miou(better) - _miou(population)
    held = 0
    for _ in range(100):
        drawn = generator.integers(0, 1000, 200)
        found = [bootstrap([a[drawn]]) for a in (better, population)]
        band = interval(found[0] - found[1])
        held += band.low <= truth <= band.high
    # Blocks of images that are independent hold it a little less often.
    assert 85 <= held <= 100


def test_bootstrap_of_videos():
    """Ten frames each are alike: the interval is that of the scenes, not of frames."""
    scenes = np.random.default_rng(0).normal(size=200)
    frames = scenes.repeat(10).reshape(-1, 1)
    band = interval(bootstrap([frames], lambda sums: sums[:, 0] / len(frames)))
    expected = 2 * 1.96 * sem(scenes)
    assert 0.75 * expected < band.high - band.low < 1.2 * expected


def test_p_values():
    values = [1.0, 2.0, 4.0], [0.5, 1.0, 3.5]
    paired, welch = ttest_rel(*values), ttest_ind(*values, equal_var=False)
    assert p_value(*values, paired=True) == pytest.approx(paired.pvalue)
    assert p_value(*values, paired=False) == pytest.approx(welch.pvalue)
    # Two of them may be close by chance.
    assert p_value([1.0, 2.0], [0.5, 1.0], paired=True) is None
    assert p_value(values[0], [0.5, 1.0], paired=False) is None
    # Without a spread.
    assert p_value([1.0, 2.0, 4.0], [2.0, 3.0, 5.0], paired=True) is None
    assert p_value([1.0] * 3, [2.0] * 3, paired=False) is None


def make_singles(qualities):
    return [
        make_results(quality, 'single', i, meta=dict(checkpoint=f'{i}.pth'))
        for i, quality in enumerate(qualities)
    ]


def make_ensemble(networks, predict='mean', name='ensemble'):
    """Results of single networks that were joined, all of them alike."""
    meta = dict(name=name, networks_init=[f'{i}.pth' for i in networks])
    results = make_results(0.9, 'ensemble', networks[0], meta=meta)
    areas = results.areas['prediction']
    names = [*(f'net{i}' for i in range(len(networks))), 'mean']
    return replace(results, configured=predict, areas=dict.fromkeys(names, areas))


def compare_results(folder, results):
    paths = [save_run(folder / str(i), result) for i, result in enumerate(results)]
    return compare(load_runs(list(map(str, paths))))


def test_networks_trained_apart_have_no_common_seed(tmp_path):
    """Not that of the first network, which would be paired with runs of its own."""
    runs = make_singles([0.8] * 3)
    for i in SEEDS:
        runs.append(make_ensemble((10 + i, 20 + i), name='apart'))
        runs.append(make_ensemble((30 + i, 31 + i), name='overlapping'))
    comparison = compare_results(tmp_path, runs)
    single, apart, overlapping = comparison.methods
    gain = comparison.gain(apart, 'single')
    assert gain.points == apart.miou - single.miou
    expected = ttest_ind(apart.mious, single.mious, equal_var=False).pvalue
    assert gain.p_value == pytest.approx(expected)
    # Runs with a network in common are not independent.
    assert comparison.gain(overlapping, 'single').p_value is None


QUALITIES = [0.8, 0.7, 0.75, 0.85, 0.65, 0.7, 0.9]


def test_ensembles_are_compared_with_their_own_networks(tmp_path):
    joined = [(0, 3), (4, 1), (5, 2)]
    # The network of seed 9 has not been tested.
    runs = [*make_singles(QUALITIES), *map(make_ensemble, [*joined, (6, 9)])]
    single, ensemble = (comparison := compare_results(tmp_path, runs)).methods
    members = [single.mious[[*pair]].mean() for pair in joined]
    gain = comparison.gain(ensemble, 'single')
    assert gain.points == pytest.approx(ensemble.mious[:3].mean() - np.mean(members))
    assert gain.interval.low < gain.points < gain.interval.high
    expected = ttest_rel(ensemble.mious[:3], members).pvalue
    assert gain.p_value == pytest.approx(expected)
    mean = draw_gains(comparison).axes[0].texts[0].get_text()
    assert mean == f'{gain.points:+.1f}'


def test_ensembles_that_overlap_weigh_networks_as_they_join_them(tmp_path):
    joined = [(0, 1), (1, 2), (2, 3)]
    runs = [*make_singles(QUALITIES), *map(make_ensemble, joined)]
    single, ensemble = (comparison := compare_results(tmp_path, runs)).methods
    gain = comparison.gain(ensemble, 'single')
    members = single.mious[[0, 1, 1, 2, 2, 3]].mean()
    assert gain.points == pytest.approx(ensemble.miou - members)
    assert gain.p_value is None


def test_ensembles_of_several_sizes_have_no_p_value(tmp_path):
    runs = [*make_singles(QUALITIES), make_ensemble((0, 3))]
    runs += [make_ensemble((4, 1, 6)), make_ensemble((5, 2))]
    comparison = compare_results(tmp_path, runs)
    gain = comparison.gain(comparison.methods[1], 'single')
    assert gain.p_value is None and gain.interval.low < gain.points < gain.interval.high


def test_a_network_of_an_ensemble_is_compared_with_itself(tmp_path):
    runs = make_singles(QUALITIES)
    for pair in [(0, 3), (4, 1), (5, 2)]:
        ensemble = make_ensemble(pair, predict='net1')
        runs.append(replace(ensemble, areas=dict(ensemble.areas)))
        runs[-1].areas['net1'] = runs[pair[1]].areas['prediction']
    comparison = compare_results(tmp_path, runs)
    gain = comparison.gain(comparison.methods[1], 'single')
    assert gain.points == 0 and gain.p_value is None and not gain.significant


@pytest.mark.parametrize(
    ('points', 'interval', 'p_value', 'significant'),
    [
        (2, (1, 3), 0.01, True),
        (-2, (-3, -1), 0.01, True),
        (2, (-1, 5), 0.01, False),
        (2, (1, 3), 0.05, False),
        (2, (1, 3), None, False),
        (2, (2, 2), 0.01, False),
    ],
    ids=['more', 'less', 'wide', 'luck', 'few seeds', 'one image'],
)
def test_significant_over_images_and_over_seeds(points, interval, p_value, significant):
    assert Gain(points, Interval(*interval), p_value).significant == significant


def _miou(areas):
    return make_results(0.5, areas={'prediction': areas}).miou()


def test_no_difference_is_not_told_from_none(tmp_path):
    runs = [make_results(0.8, 'single', 0), make_results(0.8, 'same', 0)]
    runs = [save_run(tmp_path / str(i), run) for i, run in enumerate(runs)]
    comparison = compare(load_runs(list(map(str, runs))))
    low, high = comparison.gain(comparison.methods[1], 'single').interval
    assert low <= 0 <= high


def test_main_table(comparison):
    table = main_table(comparison)
    expected = ['method', 'mIoU', 'over single', 'over ensemble', 'road', 'car', 'bus']
    assert table.columns == expected
    assert [row[0].text for row in table.rows] == ['single', 'ensemble', 'same']
    assert [row[1].best for row in table.rows] == [False, False, True]
    assert ' ± ' in table.rows[0][1].text and 'p=' in table.rows[2][2].text
    assert not table.rows[2][2].text.startswith('≈')
    # A class that does not occur has no IoU.
    assert [row[-1].text for row in table.rows] == ['-'] * 3
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_formats_hold_the_same_numbers(comparison):
    table = main_table(comparison)
    rows = list(csv.reader(io.StringIO(comma_separated(table))))
    content = json.loads(as_json(comparison))
    for row, method in zip(rows[1:], content['methods'], strict=True):
        assert float(row[1]) == method['mIoU']
        assert float(row[4]) == method['classes']['road']
        assert method['classes']['bus'] is None
    best = f'{comparison.methods[2].miou:.2f}'
    assert f'**{best} ±' in markdown(table)
    assert rf'\textbf{{{best} ±' in latex(table)
    body = latex(table).split('\\midrule')[1].split('\\bottomrule')[0]
    assert body.count('\\\\') == 3 and body.count('&') == 3 * 6


def test_terminal(comparison):
    console = Console(width=100, record=True)
    print_tables(all_tables(comparison), console)
    text = console.export_text()
    assert 'over ensemble' in text and '±' in text and '20 images' in text


def test_terminal_of_80_columns_shows_many_methods_in_parts(tmp_path):
    """No line is cut, no word broken, and every figure is there."""
    names = [f'deeplabv3plus_same_number_{i}' for i in range(8)]
    for seed in (0, 1):
        for name in names:
            method = 'single' if name == names[0] else 'same'
            save_run(tmp_path / name / str(seed), make_results(0.8, method, seed))
    runs = [f'{n}={tmp_path / n / str(s)}' for n in names for s in (0, 1)]
    console = Console(width=80, record=True, file=io.StringIO())
    tables = all_tables(compare(load_runs(runs)))
    print_tables(tables, console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80 and '…' not in text
    for table in tables:
        cells = [cell.text for row in table.rows for cell in row]
        for word in ' '.join([*table.columns, *cells]).split():
            assert word in text


def test_the_papers_rows_stand_beside_cityscapes(tmp_path):
    meta = dict(network='DeepLabv3+', dataset='CityscapesDataset')
    run = save_run(tmp_path, make_results(0.8, meta=meta))
    table = main_table(compare(load_runs([str(run)])))
    paper = {row[0].text: row for row in table.rows[1:]}
    assert list(paper) == [
        'DeepLabv3+ single (paper)',
        'DeepLabv3+ ensemble (paper)†',
        'DeepLabv3+ same (paper)†',
        'DeepLabv3+ multi (paper)',
    ]
    road = table.columns.index('road')
    assert paper['DeepLabv3+ single (paper)'][road].value == 98.7
    assert any('average to another mean' in note for note in table.notes)


def test_the_papers_figures():
    rows = paper_rows('CityscapesDataset')
    inconsistent = [(r.network, r.method) for r in rows if not r.consistent]
    assert inconsistent == [('DeepLabv3+', 'ensemble'), ('DeepLabv3+', 'same')]
    assert all(len(row.classes) == 19 for row in rows)
    assert [row.miou for row in paper_rows('PascalVOCDataset')][-1] == 80.13
    assert paper_rows('CamVidDataset') == []


def test_names_tell_methods_apart(tmp_path):
    for name in ('a', 'b'):
        save_run(tmp_path / name, make_results(0.8, meta=dict(name=name)))
    paths = [str(tmp_path / name) for name in ('a', 'b')]
    assert [m.label for m in compare(load_runs(paths)).methods] == ['a', 'b']
    named = [f'{name}={path}' for name, path in zip(('x', 'y'), paths, strict=True)]
    assert [m.label for m in compare(load_runs(named)).methods] == ['x', 'y']


def test_without_a_test_the_best_validation_counts(tmp_path):
    for iteration, quality in ((10, 0.7), (20, 0.9), (30, 0.8)):
        save_run(tmp_path, make_results(quality), f'val_iter_{iteration}')
    assert load_runs([str(tmp_path)])[0].file.name == 'val_iter_20.npz'
    save_run(tmp_path, make_results(0.5))
    assert load_runs([str(tmp_path)])[0].file.name == 'test.npz'


def test_augmentation_at_test_time_is_told_and_compared_with_its_like(tmp_path):
    folder = save_run(tmp_path / 'single', make_results(0.8))
    other = save_run(tmp_path / 'same', make_results(0.85, 'same'))
    for path, quality, kind in ((folder, 0.9, 'single'), (other, 0.96, 'same')):
        save_run(path, make_results(quality, kind, meta=dict(tta=True)), 'test_tta')
    files = [
        *(str(path) for path in (folder, other)),
        *(str(path / 'results' / 'test_tta.npz') for path in (folder, other)),
    ]
    comparison = compare(load_runs(files))
    labels = {method.label: method for method in comparison.methods}
    assert list(labels) == ['single', 'single (TTA)', 'same', 'same (TTA)']
    for mark in ('', ' (TTA)'):
        method, single = labels[f'same{mark}'], labels[f'single{mark}']
        gain = comparison.gain(method, 'single')
        assert gain.points == pytest.approx(method.miou - single.miou)
    # Augmentation of the single network is no gain of a method.
    assert comparison.gain(labels['single (TTA)'], 'single') is None
    named = compare(load_runs([f'x={files[0]}', f'x={files[2]}']))
    assert [m.label for m in named.methods] == ['x', 'x (TTA)']


def test_results_with_augmentation_do_not_take_the_place_of_those_without(tmp_path):
    meta = dict(tta=True, config='pair.py')
    save_run(tmp_path, make_results(0.9, meta=meta), 'test_tta')
    (run,) = load_runs([f'{tmp_path}:prediction'])
    assert run.file.name == 'test_tta.npz'
    # Such a config has the model in another one.
    model = dict(type='SegTTAModel', module=dict(test_cfg=dict(mode='whole')))
    (tmp_path / 'pair.py').write_text(f'model = {model!r}')
    expected = dict(mode='whole', predict='prediction')
    assert run.config().model.module.test_cfg.to_dict() == expected
    save_run(tmp_path, make_results(0.8))
    assert load_runs([str(tmp_path)])[0].file.name == 'test.npz'


OTHERS = {
    'dataset': dict(meta=dict(dataset='ToyStreets')),
    'classes': dict(classes=['road', 'car', 'tram']),
    'images': dict(images=[f'img/{i}.png' for i in range(1, 21)]),
}


@pytest.mark.parametrize('what', OTHERS)
def test_runs_that_differ_in_their_data_are_refused(tmp_path, what):
    first = save_run(tmp_path / 'a', make_results(0.8))
    second = save_run(tmp_path / 'b', make_results(0.8, **OTHERS[what]))
    message = dict(
        dataset='on ToyStreets, not on CamVidDataset',
        classes=r'other classes \(different: bus, tram\)',
        images='on other images',
    )[what]
    with pytest.raises(
        ValueError, match=rf'b/results/test\.npz: evaluated .*{message}'
    ):
        load_runs([str(first), str(second)])


def test_other_labels_are_other_data(tmp_path):
    first = save_run(tmp_path / 'a', make_results(0.8))
    larger = make_results(0.8)
    larger.areas['prediction'] *= 4
    second = save_run(tmp_path / 'b', larger)
    with pytest.raises(ValueError, match=r'b/.* with other labels, or labels of anoth'):
        load_runs([str(first), str(second)])


@pytest.mark.parametrize(
    ('name', 'folder', 'suffix'),
    [
        ('lr=0.1', 'a', ''),
        ('single', 'lr=0.1/a', ''),
        ('a=b', 'c=d', ':prediction'),
        ('a', 'b:c', ':prediction'),
        ('', 'lr=0.1', ':prediction'),
    ],
)
def test_names_and_folders_with_equals_signs(name, folder, suffix, tmp_path):
    path = save_run(tmp_path / folder, make_results(0.8))
    argument = f'{name}={path}{suffix}' if name else f'{path}{suffix}'
    (run,) = load_runs([argument])
    assert run.label == (name or None) and run.folder == path
    assert run.prediction == (suffix[1:] or None)


def test_checkpoints_that_only_a_folder_further_up_tells_apart(tmp_path):
    """As of ``seed_0/work_dirs/single/iter_10.pth``."""
    found = []
    for place in ('{}/w/single/iter_10.pth', 'w/single/{}/iter_10.pth'):
        paths = [f'/data/{place.format(f"seed_{i}")}' for i in range(7)]
        runs = [
            replace(run, meta=dict(run.meta, checkpoint=path))
            for run, path in zip(make_singles(QUALITIES), paths, strict=True)
        ]
        for i, pair in enumerate([(0, 3), (4, 1), (5, 2)]):
            joined = dict(networks_init=[paths[j] for j in pair], name='ensemble')
            quality = 0.8 + 0.03 * i
            runs.append(make_results(quality, 'ensemble', 20 + i, meta=joined))
        comparison = compare_results(tmp_path / place[0], runs)
        found.append(comparison.gain(comparison.methods[1], 'single'))
    assert found[0] == found[1] and found[0].p_value is not None


def test_one_checkpoint_from_two_places(tmp_path):
    """As of a test on another machine, or of a test with augmentation."""
    paths = [f'{place}w/single/seed_0/a.pth' for place in ('', './', '/d/')]
    runs = [
        make_results(0.8, meta=dict(name=str(i), checkpoint=path))
        for i, path in enumerate(paths)
    ]
    joined = [f'/e/w/{x}/seed_{i}/a.pth' for x in 'ab' for i in (0, 1)]
    for i in (0, 1):
        ensemble = make_ensemble((0, 1), name=f'joined {i}')
        meta = dict(ensemble.meta, networks_init=joined[i::2])
        runs.append(replace(ensemble, meta=meta))
    found = [run for m in compare_results(tmp_path, runs).methods for run in m.runs]
    checkpoints = {run.title('name'): run.checkpoints for run in found}
    assert {checkpoints[name] for name in '012'} == {('single/seed_0/a.pth',)}
    assert checkpoints['joined 0'] == ('a/seed_0/a.pth', 'b/seed_0/a.pth')


def test_numbers_that_are_none_are_none_in_json(tmp_path):
    results = make_results(0.8)
    borders = np.zeros_like(results.areas['prediction'])
    runs = [replace(results, borders=dict(prediction=borders))]
    content = json.loads(as_json(compare_results(tmp_path, runs)))
    assert content['methods'][0]['predictions'][0]['prediction']['mBIoU'] is None


def test_data_in_another_place_are_the_same_data(tmp_path):
    moved = [f'/elsewhere/{i}.png' for i in range(20)]
    first = save_run(tmp_path / 'a', make_results(0.8))
    second = save_run(tmp_path / 'b', make_results(0.8, images=moved))
    assert len(load_runs([str(first), str(second)])) == 2


def test_a_run_without_results(tmp_path):
    with pytest.raises(FileNotFoundError, match='no results in results/.*tools/test'):
        load_runs([str(tmp_path)])
    with pytest.raises(FileNotFoundError, match='nowhere: there is no such work dir'):
        load_runs([str(tmp_path / 'nowhere')])
    ignored = make_results(0.8)
    ignored.areas['prediction'][:] = 0
    save_run(tmp_path, ignored)
    with pytest.raises(ValueError, match=r'test\.npz: no labelled pixels'):
        load_runs([str(tmp_path)])


def test_runs_that_are_no_seeds_of_a_method(tmp_path):
    for name, method, seed in (
        ('a', 'single', 0),
        ('b', 'single', 0),
        ('c', 'same', 1),
    ):
        save_run(tmp_path / name, make_results(0.8, method, seed))
    a, b, c = (str(tmp_path / name) for name in 'abc')
    for again in (b, a):
        with pytest.raises(ValueError, match='have the seed 0; give them other names'):
            compare(load_runs([a, again]))
    with pytest.raises(ValueError, match='method same, not single .* called x'):
        compare(load_runs([f'x={a}', f'x={c}']))
    assert len(compare(load_runs([f'x={a}', f'y={b}'])).methods) == 2


def test_gains_are_of_the_seeds_that_both_have(tmp_path):
    """As in an unfinished study."""
    runs = [('single', 0, 0.8), ('single', 1, 0.5), ('same', 0, 0.9), ('multi', 2, 0.9)]
    paths = [
        str(save_run(tmp_path / f'{method}{seed}', make_results(q, method, seed)))
        for method, seed, q in runs
    ]
    single, same, multi = (comparison := compare(load_runs(paths))).methods
    gain = comparison.gain(same, 'single')
    assert gain.points == same.miou - single.mious[0]
    assert gain.interval.low < gain.points < gain.interval.high
    assert gain.p_value is None and not gain.significant
    assert main_table(comparison).rows[1][2].text.startswith('≈ ')
    mean = draw_gains(comparison).axes[0].texts[0].get_text()
    assert mean == f'{gain.points:+.1f}'
    # Where there is none, of all.
    assert comparison.gain(multi, 'single').points == multi.miou - single.miou


@pytest.mark.parametrize('suffix', ['', '_with_a_long_name'])
def test_names_of_gains_do_not_overlap(tmp_path, suffix):
    runs = {'single': 'single', **{f'{m}{suffix}': m for m in ('same', 'multi')}}
    paths = [
        f'{name}={save_run(tmp_path / method, make_results(0.8, method))}'
        for name, method in runs.items()
    ]
    figure = draw_gains(compare(load_runs(paths)))
    figure.canvas.draw()
    left, right = figure.axes[0].get_xticklabels()
    boxes = [label.get_window_extent() for label in (left, right)]
    if left.get_rotation():
        column = boxes[1].x0 - boxes[0].x0
        apart = column * np.sin(np.deg2rad(left.get_rotation()))
        assert apart > 1.2 * left.get_fontsize() * figure.dpi / 72
    else:
        assert boxes[0].x1 < boxes[1].x0


def test_names_do_not_break_a_table(tmp_path):
    run = save_run(tmp_path, make_results(0.8))
    table = main_table(compare(load_runs([f'a|b_{{x}}\\={run}'])))
    assert markdown(table).splitlines()[4].startswith(r'| a\|b_{x}')
    assert r'a|b\_\{x\}\textbackslash{}' in latex(table)


def make_pair(seed, **changes):
    """Results of a pair in which top is worse, with calibration and borders."""
    bottom, top = (
        make_results(q, 'same', seed).areas['prediction'] for q in (0.9, 0.7)
    )
    sums = np.zeros((20, 4, 15))
    sums[:, 0, 10], sums[:, 1, 10], sums[:, 2, 10] = 100, 60, 70 + seed
    sums[:, 3, 10] = 50
    predictions = dict(top=top, bottom=bottom, mean=bottom)
    return make_results(
        0.9,
        'same',
        seed,
        configured='bottom',
        areas=predictions,
        borders=predictions,
        pairs={'top-bottom': np.ones((3, 5), int)},
        calibration=dict.fromkeys(predictions, sums),
        **changes,
    )


def test_a_network_of_a_pair_as_a_row(tmp_path):
    runs = []
    for seed in (0, 1):
        single = make_results(0.8, 'single', seed)
        run = save_run(tmp_path / f'pair{seed}', make_pair(seed))
        runs += [str(save_run(tmp_path / f'single{seed}', single))]
        runs += [str(run), f'{run}:top']
    comparison = compare(load_runs(runs))
    assert [m.label for m in comparison.methods] == ['single', 'same', 'same top']
    single, same, top = comparison.methods
    mious = [make_pair(seed).miou('top') for seed in (0, 1)]
    assert top.mious.tolist() == pytest.approx(mious)
    assert same.trained and not top.trained
    gain = comparison.gain(top, 'single')
    assert gain.points == pytest.approx(top.miou - single.miou)
    table = main_table(comparison)
    assert [row[0].text for row in table.rows] == ['single', 'same', 'same top ‡']
    assert any('not trained' in note for note in table.notes)
    methods = json.loads(as_json(comparison))['methods']
    assert [method['trained'] for method in methods] == [True, True, False]
    with pytest.raises(ValueError, match='left: expected one of top, bottom, mean'):
        load_runs([runs[2].replace(':top', ':left')])


def test_custom_baselines(tmp_path):
    names = dict(narrow=0.8, wide=0.85, same=0.9)
    runs = [
        f'{name}={save_run(tmp_path / name, make_results(quality, "single"))}'
        for name, quality in names.items()
    ]
    comparison = compare(load_runs(runs), dict(single=['narrow'], wide=['wide']))
    narrow, wide, same = comparison.methods
    assert comparison.baseline(same, 'wide') is wide
    assert comparison.baseline(wide, 'single') is narrow
    assert comparison.baseline(wide, 'wide') is None
    assert comparison.baseline(narrow, 'wide') is None
    assert main_table(comparison).columns[2:4] == ['over single', 'over wide']


def test_an_ensemble_that_was_trained_is_the_baseline(tmp_path):
    apart = make_results(0.8, 'ensemble', meta=dict(networks_init=['a', 'b'], name='x'))
    runs = [
        save_run(tmp_path / 'apart', apart),
        save_run(tmp_path / 'trained', make_results(0.85, 'ensemble')),
        save_run(tmp_path / 'same', make_results(0.9, 'same')),
    ]
    comparison = compare(load_runs(list(map(str, runs))))
    same = comparison.methods[-1]
    assert comparison.baseline(same, 'ensemble').trained


def test_calibration_and_borders(tmp_path):
    runs = [str(save_run(tmp_path / f'{s}', make_pair(s))) for s in (0, 1)]
    comparison = compare(load_runs(runs))
    table = all_tables(comparison)[-1]
    names = [row[0].text for row in table.rows]
    assert names == ['same · top', 'same · bottom', 'same · mean']
    # Confidence 0.70 and 0.71 where 0.60 is right.
    ece, nll, borders = table.rows[1][1:]
    assert ece.value == pytest.approx(10.5) and '± 0.71' in ece.text
    assert nll.value == pytest.approx(0.5) and '[0.500, 0.500]' in nll.text
    assert borders.value == pytest.approx(comparison.methods[0].miou)


def test_interval_over_seeds():
    values = [1.0, 2.0, 4.0]
    found = mean_interval(values)
    expected = t.interval(0.95, 2, loc=np.mean(values), scale=sem(values))
    assert (found.low, found.high) == pytest.approx(expected)
    assert mean_interval([1.0]) is None


def test_accuracy_over_cost(tmp_path):
    runs = [
        str(save_run(tmp_path / method, make_results(quality, method)))
        for method, quality in QUALITY.items()
    ]
    comparison = compare(load_runs(runs))
    assert draw_costs(comparison) is None
    costs = {
        m.label: Cost(10**6 * i, None, 10**9 * i, i / 100, (0.01, 1.0), None)
        for i, m in enumerate(comparison.methods, start=1)
    }
    comparison = replace(comparison, costs=costs)
    table = all_tables(comparison)[-1]
    assert table.title == 'Cost' and table.rows[1][1].value == 2.0
    assert table.rows[1][2].text == '-' and table.rows[1][4].value == 20.0
    before = pyplot.get_fignums()
    figure = draw_costs(comparison)
    labels = [text.get_text() for text in figure.axes[0].texts]
    assert labels == ['single', 'ensemble', 'same']
    # It would be kept open for the rest of the process.
    assert pyplot.get_fignums() == before


def test_figures_of_an_earlier_report_are_removed(tmp_path):
    """Else a study shows curves of a method again under the number of another one."""
    out, runs = tmp_path / 'report', []
    for method in ('same', 'single'):
        run = save_run(tmp_path / method, make_results(QUALITY[method], method))
        log = run / '1' / 'vis_data' / 'scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text('{"mIoU": 50.0, "step": 10}')
        runs.append(str(run))
    for found in (runs, runs[:1]):
        (out / 'of_the_user.png').parent.mkdir(exist_ok=True)
        (out / 'of_the_user.png').touch()
        comparison = compare(load_runs(found))
        write_report(comparison, all_tables(comparison), out, images=0)
    names = {path.name for path in out.glob('*.png')}
    assert names == {'curves.png', 'of_the_user.png'}


def test_dominated():
    # Best; cheap; costly and worse; worse for the same; the same as the best.
    costs = [2.0, 1.0, 3.0, 2.0, 2.0]
    values = [9.0, 5.0, 8.0, 7.0, 9.0]
    assert dominated(costs, values) == [False, False, True, True, False]


def trained(folder, seed, text, name='test'):
    run = save_run(folder / str(seed), make_results(0.8, seed=seed), name)
    (run / 'danet_r18_single_camvid.py').write_text(text)
    return str(run)


CONFIGS = {
    'a rate': 'model = dict(a=1)\noptim_wrapper = dict(lr=0.1)\nseed = 1\n',
    'another rate': 'model = dict(a=1)\noptim_wrapper = dict(lr=0.2)\nseed = 2\n',
    'another seed': (
        "model = dict(networks_init=['b.pth'], a=1)\noptim_wrapper = dict(lr=0.1)\n"
    ),
}


@pytest.mark.parametrize(
    ('other', 'name', 'differs'),
    [
        ('another seed', 'test', None),
        ('another rate', 'test', 'trained with another optim_wrapper.lr'),
        ('another seed', 'val_iter_4', 'one is of a test and one of a validation'),
    ],
)
def test_runs_of_one_name_are_trained_and_tested_alike(other, name, differs, tmp_path):
    runs = [trained(tmp_path, 0, CONFIGS['a rate'])]
    runs.append(trained(tmp_path, 1, CONFIGS[other], name))
    if differs:
        with pytest.raises(ValueError, match=differs):
            compare(load_runs(runs))
    else:
        assert len(compare(load_runs(runs)).methods[0].runs) == 2
    # The user says that they belong together.
    named = compare(load_runs([f'mine={run}' for run in runs]))
    assert len(named.methods[0].runs) == 2
