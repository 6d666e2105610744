import pytest
from mmengine.config import Config
from mmseg.models.segmentors import EncoderDecoder

from mmseg_coop.evaluation import Results
from mmseg_coop.evaluation.naming import method_name, network_name

from tiny_runner import loader, make_runner

COOP = 'CooperativeEncoderDecoder'


def test_a_run_reports_every_network_and_keeps_results(tmp_path):
    runner = make_runner(
        tmp_path,
        hooks=[dict(type='CoopEvaluationHook')],
        val_evaluator=dict(type='CoopIoUMetric'),
    )
    runner.train()
    metrics = runner.val_loop.run()
    results = Results.load(tmp_path / 'results' / 'val_iter_4.npz')
    assert list(results.areas) == ['top', 'bottom', 'mean', 'oracle']
    assert results.configured == 'bottom' and len(results.images) == 4
    assert metrics['mIoU'] == metrics['bottom/mIoU']
    assert results.miou('top') == pytest.approx(metrics['top/mIoU'], abs=0.006)
    assert results.meta['network'] == 'DANet' and results.meta['method'] == 'same'
    assert results.meta['seed'] == 0 and results.meta['dataset'] == 'RandomScenes'
    # What comes next predicts as usual.
    assert runner.model.predict.__func__ is EncoderDecoder.predict


def test_a_tested_checkpoint_keeps_its_seed_and_iteration(tmp_path):
    make_runner(tmp_path / 'train', randomness=dict(seed=7)).train()
    checkpoint = str(tmp_path / 'train' / 'iter_2.pth')
    evaluation = dict(type='CoopIoUMetric')
    loop = dict(test_evaluator=evaluation, test_cfg=dict(type='TestLoop'))
    runner = make_runner(
        tmp_path / 'test',
        hooks=[dict(type='CoopEvaluationHook')],
        load_from=checkpoint,
        randomness=dict(seed=1),
        test_dataloader=loader(False, False),
        **loop,
    )
    runner.test()
    meta = Results.load(tmp_path / 'test' / 'results' / 'test.npz').meta
    assert meta['seed'] == 7 and meta['iteration'] == 2
    assert meta['checkpoint'] == checkpoint


@pytest.mark.parametrize(
    ('model', 'expected'),
    [
        (dict(type='EncoderDecoder'), 'single'),
        (dict(type=COOP), 'ensemble'),
        (dict(type=COOP, connections=dict(pattern='multi')), 'multi'),
        (dict(type=COOP, connections=[dict(source='a', target='b')]), 'custom'),
        (dict(type='SegTTAModel', module=dict(type=COOP)), 'ensemble'),
    ],
)
def test_methods_are_named_by_their_config(model, expected):
    assert method_name(Config(model)) == expected


@pytest.mark.parametrize(
    ('head', 'expected'),
    [
        (dict(type='DAHead'), 'DANet'),
        (dict(type='DepthwiseSeparableASPPHead'), 'DeepLabv3+'),
        ([dict(type='FCNHead'), dict(type='PointHead')], 'Point'),
    ],
)
def test_networks_are_named_by_their_head(head, expected):
    assert network_name(dict(decode_head=head)) == expected
