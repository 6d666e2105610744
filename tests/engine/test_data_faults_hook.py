import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import LOOPS
from mmseg.structures import SegDataSample

from mmseg_coop.datasets import DataFault
from mmseg_coop.engine import DataFaultsHook

from helpers.street_files import camvid_config, image, make_files, truncate


def batch(*skipped):
    samples = [SegDataSample(metainfo=dict(skipped=s) if s else {}) for s in skipped]
    return dict(data_samples=samples)


def test_each_file_is_named_once_and_counted(logged):
    hook = DataFaultsHook('skip')
    hook.before_train_iter(None, 0, batch(None, ['a.png: is empty']))
    hook.before_train_iter(None, 1, batch(['b.png: x', 'a.png: is empty'], None))
    assert logged == ['Skipped: a.png: is empty', 'Skipped: b.png: x']
    hook.after_train(None)
    assert logged[2:] == ['Skipped 2 samples:\n  2 x a.png: is empty\n  1 x b.png: x']


def test_nothing_is_said_about_whole_data(logged):
    hook = DataFaultsHook('skip')
    hook.before_train_iter(None, 0, batch(None, None))
    hook.after_train(None)
    assert logged == []


class StartedBatches:
    """As older releases of MMEngine have it."""

    def __init__(self, loader):
        self._iterator = iter(loader)

    def __next__(self):
        return next(self._iterator)


@LOOPS.register_module()
class LoopThatStartsWorkers(IterBasedTrainLoop):
    """Workers run, with the dataset as it is, before any hook is called."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.dataloader_iterator = StartedBatches(self.dataloader)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Four images to train on, of which the second is truncated."""
    root = make_files(tmp_path_factory.mktemp('files'))
    truncate(image(root, 'train', 1))
    return root


@pytest.fixture
def build(files, tmp_path):
    """Build MMEngine's Runner of a config that has the hook."""

    def run(policy, loop='IterBasedTrainLoop', workers=0) -> Runner:
        changes = {
            'train_cfg.type': loop,
            'train_cfg.max_iters': 2,
            'train_dataloader.batch_size': 2,
            'train_dataloader.num_workers': workers,
            'train_dataloader.persistent_workers': workers > 0,
            'default_hooks.data_faults.policy': policy,
            'model.backbone.base_channels': 4,
            'model.backbone.stem_channels': 4,
            'model.decode_head.in_channels': 32,
            'model.auxiliary_head.in_channels': 16,
        }
        config = camvid_config(files, **changes)
        config.work_dir = str(tmp_path)
        config.log_level = 'ERROR'
        config.visualizer.name = tmp_path.name
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
        return Runner.from_cfg(config)

    return run


@pytest.mark.parametrize(
    ('loop', 'workers'),
    [
        ('IterBasedTrainLoop', 0),
        ('IterBasedTrainLoop', 1),
        ('LoopThatStartsWorkers', 1),
        ('ResumableTrainLoop', 1),
    ],
)
def test_skips_under_any_loop(files, build, loop, workers):
    runner = build('skip', loop, workers)
    runner.train()
    (hook,) = (hook for hook in runner.hooks if isinstance(hook, DataFaultsHook))
    ((line, _),) = hook.skipped.items()
    assert line.startswith(f'{files}/img_dir/train/1.jpg: is truncated')


def test_stops_under_mmengines_loop(build):
    with pytest.raises(DataFault, match='train/1.jpg: is truncated'):
        build('stop').train()


def test_off_leaves_it_to_mmsegmentation(build):
    runner = build('off')
    DataFaultsHook('off').before_train(runner)
    steps = runner.train_dataloader.dataset.pipeline.transforms
    assert type(steps[0]) is LoadImageFromFile


def test_unknown_policy():
    message = "policy: found 'ignore', expected one of stop, skip, off"
    with pytest.raises(ValueError, match=message):
        DataFaultsHook('ignore')
