"""The report of the demo's real runs; in a browser, where there is one."""

import json
import logging
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from PIL import Image

from mmseg_coop.checkpoints.safe_load import read_checkpoint
from mmseg_coop.comparison.comparison import compare
from mmseg_coop.comparison.curves import validation_curves
from mmseg_coop.comparison.iou_tables import all_tables
from mmseg_coop.comparison.report import write_report
from mmseg_coop.comparison.report.figures import draw_curves
from mmseg_coop.comparison.report.gallery import find_checkpoint, make_gallery
from mmseg_coop.comparison.runs import load_runs

METHODS = ('single', 'ensemble', 'same', 'multi')
BROWSER = shutil.which('chromium') or shutil.which('chromium-browser')
needs_browser = pytest.mark.skipif(not BROWSER, reason='needs chromium')


@pytest.fixture(scope='module')
def comparison(demo):
    return compare(load_runs([record_of(demo, method) for method in METHODS]))


@pytest.fixture(scope='module')
def page(demo):
    return demo[0] / 'report' / 'demo' / 'val' / 'report.html'


def record_of(demo, method) -> str:
    """A method's record, as an argument of ``tools/compare.py``."""
    return f'{method}={demo[0]}/records/val/{method}/seed_0'


@pytest.fixture(autouse=True)
def _where_it_was_tested(demo, monkeypatch):
    """Checkpoints have relative paths."""
    monkeypatch.chdir(demo[0].parents[1])


def report(runs, folder):
    comparison = compare(runs)
    return write_report(comparison, all_tables(comparison), folder, 0)


class _Links(HTMLParser):
    """Everything that a page would load."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [v for k, v in attrs if k in ('src', 'srcset', 'data')]
        self.found += [v for k, v in attrs if k == 'href' and tag == 'link']


def test_the_page_is_self_contained(page):
    links = _Links()
    text = page.read_text()
    links.feed(text)
    assert links.found and all(link.startswith('data:image/') for link in links.found)
    assert '@import' not in text and not re.search(r'url\((?!#)', text)


def test_figures_for_papers(page):
    names = {path.name for path in page.parent.glob('*.png')}
    assert names == {f'{name}.png' for name in ('costs', 'gains', 'curves', 'gallery')}
    for name in names:
        image = np.asarray(Image.open(page.parent / name).convert('RGB'))
        assert image.shape[1] > 400 and image.std() > 5


def test_curves_are_what_was_logged(comparison):
    for method in comparison.methods:
        run = method.runs[0]
        curves = validation_curves(run)
        assert list(curves) == [name for name in run.results.areas if name != 'oracle']
        for name, (steps, values) in curves.items():
            # The last validation is of the weights that were tested.
            assert steps == [2]
            assert values[-1] == pytest.approx(run.results.miou(name), abs=0.006)


def test_curves_of_each_method_have_the_same_scale(comparison):
    """That of the selected predictions, whatever other networks have."""
    axes = draw_curves(comparison).axes
    trained = [method for method in comparison.methods if method.trained]
    assert [axis.get_title() for axis in axes] == [method.label for method in trained]
    values = [
        value
        for run in (run for method in trained for run in method.runs)
        for value in validation_curves(run)[run.results.configured][1]
    ]
    for axis in axes:
        assert axis.get_ylim()[0] == min(values) - 2 <= max(values) < axis.get_ylim()[1]


def test_curves_of_a_resumed_run(comparison, tmp_path):
    run = comparison.methods[0].runs[0]
    run = type(run)(run.results, tmp_path / 'results' / 'test.npz')
    for time, points in dict(a=[(1, 5.0), (2, 6.0)], b=[(2, 7.0), (3, 8.0)]).items():
        folder = tmp_path / time / 'vis_data'
        folder.mkdir(parents=True)
        lines = [json.dumps(dict(mIoU=value, step=step)) for step, value in points]
        (folder / 'scalars.json').write_text('\n'.join([*lines, '{"mIoU": 1']))
    assert validation_curves(run) == {'prediction': ([1, 2, 3], [5.0, 7.0, 8.0])}


def test_the_gallery_shows_what_was_counted(comparison):
    """Predicted again, images give the pixels that were counted in the test."""
    gallery = make_gallery(comparison, 4)
    gains = [exhibit.gain for exhibit in gallery.exhibits]
    assert len(gains) == 4 and gains == sorted(gains, reverse=True)
    titles = ['image', 'ground truth', *METHODS]
    for exhibit in gallery.exhibits:
        assert list(gallery.pictures(exhibit)) == titles
        label = exhibit.label
        for method in comparison.methods:
            results = method.runs[0].results
            names = [image.rsplit('/')[-1] for image in results.images]
            areas = results.areas[results.configured][names.index(exhibit.name)]
            found = exhibit.predictions[method.label]
            classes = range(len(results.classes))
            right = [((found == c) & (label == c)).sum() for c in classes]
            assert areas[0].tolist() == right


def test_a_gallery_without_its_checkpoint(comparison, demo, tmp_path):
    run_of_study, other = load_runs(
        [record_of(demo, name) for name in ('same', 'single')]
    )
    # As where one Runner has trained and tested.
    meta = {**run_of_study.meta, 'checkpoint': None}
    results = replace(run_of_study.results, meta=meta)
    run = replace(run_of_study, results=results, file=tmp_path / 'results' / 'test.npz')
    checkpoint = tmp_path / 'iter_2.pth'
    checkpoint.touch()
    assert find_checkpoint(run) == checkpoint
    checkpoint.unlink()
    with pytest.raises(FileNotFoundError, match='checkpoint .* is gone.*--gallery 0'):
        find_checkpoint(run)
    # Without pictures the report needs no checkpoint, and keeps none of earlier ones.
    (tmp_path / 'report').mkdir()
    (tmp_path / 'report/gallery.png').touch()
    page = report([run, other], tmp_path / 'report')
    assert '<article' not in page.read_text()
    assert not page.with_name('gallery.png').exists()


def test_a_gallery_of_weights_that_were_trained_again(demo, tmp_path):
    runs = load_runs([record_of(demo, name) for name in ('same', 'single')])
    path = find_checkpoint(runs[0])
    kept = tmp_path / path.name
    shutil.copy(path, kept)
    content = read_checkpoint(str(path), 'cpu')
    next(iter(content['state_dict'].values())).add_(1)
    try:
        torch.save(content, path)
        with pytest.raises(ValueError, match='trained again after the test'):
            make_gallery(compare(runs), 2)
    finally:
        shutil.copy(kept, path)


def test_networks_trained_apart_are_loaded_quietly(demo, tmp_path):
    folder = tmp_path / 'apart'
    shutil.copytree(demo[0] / 'records' / 'val' / 'ensemble' / 'seed_0', folder)
    single, run = load_runs([record_of(demo, 'single'), str(folder)])
    weights = [str(find_checkpoint(single))] * 2
    with (folder / run.meta['config']).open('a') as config:
        config.write(f'\nmodel["networks_init"] = {weights}\n')
    run.meta['networks_init'] = weights
    del run.meta['model']
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    try:
        gallery = make_gallery(compare([single, run]), 2)
    finally:
        logger.removeHandler(handler)
    for exhibit in gallery.exhibits:
        one, two = exhibit.predictions.values()
        assert np.array_equal(one, two)
    assert not [line for line in lines if 'Initialized by' in line]


def test_names_cannot_break_the_page(demo, tmp_path):
    name = '<script>alert(1)</script>'
    runs = [record_of(demo, 'single').replace('single', name, 1)]
    page = report(load_runs(runs), tmp_path).read_text()
    assert 'alert(1)</script>' not in page


CLICKS = """
<script>
{
const out = {};
const firstColumn = () => [...document.querySelectorAll('#main tbody tr')].map((row) => row.cells[0].textContent);
const heading = document.querySelector('#main thead [data-column=mIoU]');
heading.querySelector('button').click();
out.descending = firstColumn();
heading.querySelector('button').click();
out.ascending = firstColumn();
out.sorted = heading.getAttribute('aria-sort');
const filter = document.getElementById('filter');
filter.value = 'car, SKY';
filter.dispatchEvent(new Event('input'));
out.columns = [...document.querySelectorAll('#main thead th')].filter((th) => !th.hidden).map((th) => th.dataset.column);
const shown = () => [...document.querySelectorAll('article')].filter((a) => !a.hidden).map((a) => +a.dataset.gain);
out.all = shown();
document.querySelector('[data-show=gain]').click();
out.gains = shown();
document.querySelector('[data-show=loss]').click();
document.querySelector('[data-order]').click();
out.losses = shown();
out.wider = document.documentElement.scrollWidth > window.innerWidth;
const pre = document.createElement('pre');
pre.id = 'out';
pre.textContent = JSON.stringify(out);
document.body.append(pre);
}
</script>
"""


@needs_browser
def test_clicking_in_a_browser(page, tmp_path, comparison):
    clicked = tmp_path / 'clicked.html'
    clicked.write_text(page.read_text().replace('</body>', f'{CLICKS}</body>'))
    dom = _browse(clicked, '--dump-dom', '--window-size=500,900')
    found = json.loads(re.search(r'<pre id="out">(.*?)</pre>', dom)[1])
    ranked = sorted(comparison.methods, key=lambda method: method.miou)
    assert found['ascending'] == [method.label for method in ranked]
    assert found['descending'] == found['ascending'][::-1]
    assert found['sorted'] == 'ascending'
    kept = ['method', 'mIoU', 'over single', 'over ensemble', 'sky', 'car']
    assert found['columns'] == kept
    assert found['all'] == sorted(found['all'], reverse=True)
    assert found['gains'] == found['all'][:4]
    assert found['losses'] == found['all'][4:][::-1]
    # Tables scroll within the page; the page itself fits a phone.
    assert not found['wider']


@needs_browser
@pytest.mark.parametrize('width', [500, 1280])
def test_looks_in_a_browser(page, tmp_path, width):
    picture = tmp_path / 'page.png'
    _browse(page, f'--screenshot={picture}', f'--window-size={width},1500')
    pixels = np.asarray(Image.open(picture).convert('RGB'))
    assert pixels.shape[1] == width and pixels.std() > 10


def _browse(page, *options):
    command = [BROWSER, '--headless', '--no-sandbox', '--disable-gpu']
    done = subprocess.run(
        [*command, '--hide-scrollbars', *options, f'file://{page}'],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout


def test_the_demo_says_where_its_report_is(demo):
    folder, done = demo
    assert done.stderr == '' and 'Warning' not in done.stdout
    tables = done.stdout.partition('IoU in percent')[2]
    for text in ('single', 'ensemble', 'same', 'multi', 'over single', 'sidewalk'):
        assert text in tables
    assert 'report work_dirs/demo/report/demo/val/report.html' in done.stdout
    assert (folder / 'report/demo/val/report.html').is_file()
