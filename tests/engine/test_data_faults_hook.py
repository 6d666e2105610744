import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.runner import IterBasedTrainLoop, Runner
from mmseg.registry import LOOPS

from mmseg_coop.datasets import DataFault
from mmseg_coop.engine import DataFaultsHook

from helpers.street_files import camvid_config, image, make_files, truncate


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
        config.log_level = 'WARNING'
        config.visualizer.name = tmp_path.name
        # Runs of one name and second share a logger, which says a warning once.
        config.experiment_name = tmp_path.name
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
def test_skips_under_any_loop(files, build, loop, workers, capfd):
    build('skip', loop, workers).train()
    named = ''.join(capfd.readouterr()).count(f'{files}/img_dir/train/1.jpg: is trunc')
    assert named == 1


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
