import copy

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.fileio import load
from mmengine.hooks import Hook
from mmengine.runner import ValLoop
from mmseg.models import SegTTAModel
from mmseg.registry import EVALUATOR, HOOKS, LOOPS, METRICS, MODELS

from mmseg_coop.checkpoints.fingerprint import fingerprint
from mmseg_coop.evaluation import Results
from mmseg_coop.evaluation.method_names import method_name, network_name
from mmseg_coop.models import CooperativeEncoderDecoder

from helpers.tiny import HEADS, build_pair, network_config
from helpers.tiny_runner import PAIR, loader, make_runner


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


def test_results_of_averaged_weights_name_these(tmp_path):
    """Those of the checkpoint, by which ``publish`` finds its results."""
    hooks = [dict(type='EMAHook', momentum=0.5), dict(type='CoopEvaluationHook')]
    runner = make_runner(
        tmp_path, hooks=hooks, val_evaluator=dict(type='CoopIoUMetric')
    )
    runner.train()
    tested = Results.load(tmp_path / 'results' / 'val_iter_4.npz').meta['model']
    weights = torch.load(tmp_path / 'iter_4.pth', weights_only=False)['state_dict']
    assert tested['weights'] == fingerprint(weights)
    assert tested['weights'] != fingerprint(runner.model.state_dict())


HOOK = dict(type='CoopEvaluationHook')
NETWORKS = ['top', 'bottom', 'mean', 'oracle']


@METRICS.register_module()
class KeepsPredictions(BaseMetric):
    """A user's metric, which reads all that a prediction has."""

    def process(self, data_batch, data_samples):
        self.results += copy.deepcopy(data_samples)

    def compute_metrics(self, results):
        type(self).found = results
        return {}


@HOOKS.register_module()
class ReadsLogits(Hook):
    """A user's hook, which reads what a prediction has."""

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        type(self).found = outputs


@MODELS.register_module()
class PredictsInItsOwnWay(CooperativeEncoderDecoder):
    """A user's pair, which calls everything class 3."""

    def predict(self, inputs, data_samples=None):
        samples = super().predict(inputs, data_samples)
        for sample in samples:
            sample.pred_sem_seg.data[:] = 3
        return samples


PREPROCESSOR = dict(type='SegDataPreProcessor', size=(32, 32))
OWN_WAY = network_config(
    'danet',
    **{**PAIR, 'type': 'PredictsInItsOwnWay'},
    data_preprocessor=PREPROCESSOR,
)
LOOPS_OF_BOTH = pytest.mark.parametrize('loop', ['ValLoop', 'CoopValLoop'])


def validate(folder, metrics, hooks=(), loop='CoopValLoop', **changes):
    changes.setdefault('val_cfg', dict(type=loop))
    runner = make_runner(
        folder,
        hooks=[HOOK, *hooks],
        val_evaluator=metrics,
        train_dataloader=None,
        train_cfg=None,
        optim_wrapper=None,
        default_hooks=dict(checkpoint=None),
        **changes,
    )
    return runner, runner.val()


def predicted(runner):
    """Predictions of the model for one image at a time."""
    data = pseudo_collate([runner.val_dataloader.dataset[i] for i in range(4)])
    with torch.no_grad():
        return runner.model.val_step(data)


def assert_predictions_are_the_host_s(found, runner):
    for sample, expected in zip(found, predicted(runner), strict=True):
        for field in ('seg_logits', 'pred_sem_seg'):
            value = getattr(expected, field).data
            assert torch.equal(sample[field]['data'], value)


@pytest.mark.parametrize('single', [True, False])
def test_mmengine_s_loop_finds_the_same(single, tmp_path):
    metrics = [dict(type='CoopIoUMetric')]
    found = [
        validate(tmp_path / loop, metrics, loop=loop, single=single)[1]
        for loop in ('ValLoop', 'CoopValLoop')
    ]
    assert found[0] == found[1] and 'ECE' in found[0]
    kept = [
        Results.load(tmp_path / loop / 'results' / 'val.npz')
        for loop in ('ValLoop', 'CoopValLoop')
    ]
    assert list(kept[0].areas) == (['prediction'] if single else NETWORKS)
    for name, areas in kept[0].areas.items():
        assert (areas == kept[1].areas[name]).all()


def test_mmengine_s_loop_finds_the_same_for_one_logit(tmp_path):
    head = dict(HEADS['danet'], num_classes=2, out_channels=1, threshold=0.5)
    head['loss_decode'] = dict(type='CrossEntropyLoss', use_sigmoid=True)
    model = network_config(
        'danet', decode_head=head, auxiliary_head=None, data_preprocessor=PREPROCESSOR
    )
    scenes = loader(False, False)
    scenes['dataset']['num_classes'] = 2
    found = [
        validate(
            tmp_path / loop,
            [dict(type='CoopIoUMetric')],
            loop=loop,
            model=model,
            val_dataloader=scenes,
        )[1]
        for loop in ('ValLoop', 'CoopValLoop')
    ]
    assert found[0] == found[1] and 'ECE' in found[0]


@pytest.mark.parametrize('reads', ['labels', 'metric', 'hook', 'own predict'])
def test_labels_are_enough_where_nobody_reads_more(reads, tmp_path):
    metrics = [dict(type='CoopIoUMetric')]
    metrics += [dict(type='KeepsPredictions')] * (reads == 'metric')
    hooks = [dict(type='ReadsLogits')] * (reads == 'hook')
    changes = {}
    if reads == 'own predict':
        changes['model'] = OWN_WAY
    runner, _ = validate(tmp_path, metrics, hooks, **changes)
    assert runner.val_loop.predicts_networks == (reads == 'labels')


@LOOPS_OF_BOTH
@pytest.mark.parametrize('single', [True, False])
def test_other_metrics_are_given_what_the_host_gives(single, loop, tmp_path):
    ours = dict(type='CoopIoUMetric')
    plain = validate(tmp_path / 'plain', [ours], single=single)[1]
    metrics = [ours, dict(type='KeepsPredictions')]
    runner, found = validate(tmp_path / 'both', metrics, loop=loop, single=single)
    assert_predictions_are_the_host_s(KeepsPredictions.found, runner)
    assert found == plain and 'ECE' in found
    results = Results.load(tmp_path / 'both' / 'results' / 'val.npz')
    assert list(results.areas) == (['prediction'] if single else NETWORKS)


@pytest.mark.parametrize('single', [True, False])
def test_without_its_metric_nothing_is_changed(single, tmp_path):
    metrics = [dict(type='IoUMetric'), dict(type='KeepsPredictions')]
    runner, _ = validate(tmp_path, metrics, single=single)
    assert_predictions_are_the_host_s(KeepsPredictions.found, runner)
    assert set(KeepsPredictions.found[0]) == set(predicted(runner)[0].to_dict())


def test_what_is_dumped_has_logits(tmp_path):
    dump = dict(type='DumpResults', out_file_path=str(tmp_path / 'dump.pkl'))
    runner, _ = validate(tmp_path / 'run', [dict(type='CoopIoUMetric'), dump])
    assert_predictions_are_the_host_s(load(tmp_path / 'dump.pkl'), runner)


def test_a_users_hook_is_given_what_the_host_gives(tmp_path):
    metrics = [dict(type='CoopIoUMetric')]
    runner, _ = validate(tmp_path, metrics, [dict(type='ReadsLogits')])
    expected = predicted(runner)[2:]
    for sample, other in zip(ReadsLogits.found, expected, strict=True):
        assert torch.equal(sample.seg_logits.data, other.seg_logits.data)


@EVALUATOR.register_module()
class ReadingEvaluator(Evaluator):
    """A user's evaluator, which reads all that a prediction has."""

    def process(self, data_samples, data_batch=None):
        type(self).found = [sample.seg_logits.data for sample in data_samples]
        super().process(data_samples, data_batch)


@LOOPS.register_module()
class ReadingLoop(ValLoop):
    """A user's loop, in the same way."""

    def run_iter(self, idx, data_batch):
        self.runner.call_hook('before_val_iter', batch_idx=idx, data_batch=data_batch)
        with torch.no_grad():
            outputs = self.runner.model.val_step(data_batch)
        type(self).found = [sample.seg_logits.data for sample in outputs]
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)


@pytest.mark.parametrize('kind', ['evaluator', 'loop'])
def test_a_users_evaluator_or_loop_is_given_logits(kind, tmp_path):
    metrics, changes = [dict(type='CoopIoUMetric')], {}
    if kind == 'loop':
        changes = dict(val_cfg=dict(type='ReadingLoop'))
    else:
        metrics = dict(type='ReadingEvaluator', metrics=metrics)
    validate(tmp_path, metrics, **changes)
    found = ReadingEvaluator.found if kind == 'evaluator' else ReadingLoop.found
    assert len(found) == 2 and all(x.isfinite().all() for x in found)
    assert list(Results.load(tmp_path / 'results' / 'val.npz').areas) == NETWORKS


def test_a_users_predict_counts(tmp_path):
    validate(tmp_path, [dict(type='CoopIoUMetric')], model=OWN_WAY)
    areas = Results.load(tmp_path / 'results' / 'val.npz').areas
    assert list(areas) == NETWORKS
    # Pixels that each prediction gives each class.
    assert areas['bottom'].sum(0)[1].nonzero()[0].tolist() == [3]
    assert areas['top'].sum(0)[1].nonzero()[0].tolist() != [3]


@pytest.mark.parametrize('augmented', [False, True])
def test_methods_and_networks_are_named_by_what_was_built(augmented):
    def named(model, connections=None):
        if augmented:
            model = SegTTAModel(module=model)
        return network_name(model), method_name(model, connections)

    single = MODELS.build(network_config('danet'))
    assert named(single) == ('DANet', 'single')
    assert named(build_pair()) == ('DeepLabv3+', 'ensemble')
    same = dict(pattern='same')
    assert named(build_pair('danet', same), same) == ('DANet', 'same')
    custom = [dict(source='top.backbone.layer3', target='bottom.backbone.layer3')]
    assert named(build_pair('danet', custom), custom) == ('DANet', 'custom')


def test_the_last_head_of_a_cascade_names_the_network():
    heads = [dict(HEADS['danet'], type='FCNHead'), dict(HEADS['danet'], type='OCRHead')]
    heads[0].pop('pam_channels')
    heads[1].pop('pam_channels')
    heads[1]['ocr_channels'] = 8
    model = MODELS.build(
        network_config(
            'danet', type='CascadeEncoderDecoder', num_stages=2, decode_head=heads
        )
    )
    assert network_name(model) == 'OCR'


@pytest.mark.parametrize('loop', ['CoopValLoop', 'ValLoop'])
def test_metrics_that_ignore_other_labels(loop, tmp_path):
    def run(name, *metrics):
        folder = tmp_path / name
        runner = make_runner(
            folder,
            hooks=[dict(type='CoopEvaluationHook')],
            val_cfg=dict(type=loop),
            val_evaluator=[dict(type='CoopIoUMetric', **keys) for keys in metrics],
            default_hooks={},
        )
        return runner.val(), folder / 'results' / 'val.npz'

    first, second = dict(ignore_index=3, prefix='a'), dict(prefix='b')
    alone, _ = run('alone', second)
    both, _ = run('both', first, second)
    assert both['a/ECE'] != both['b/ECE']
    assert {key: both[key] for key in alone} == alone
    # Another one that only writes label maps does not keep the results away.
    written = dict(format_only=True, output_dir=str(tmp_path / 'maps'), prefix='a')
    assert run('written', written, second)[1].is_file()
