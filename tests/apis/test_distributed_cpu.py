"""A Runner of several processes without a GPU; here it is one process."""

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import MODEL_WRAPPERS
from mmengine.runner import Runner
from torch import nn

from mmseg_coop.apis.distributed_cpu import for_cpu_processes

from helpers.tiny import BACKBONE
from helpers.tiny_runner import make_runner

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason='for machines without a GPU'
)


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Build a Runner as the only process of a distributed run."""
    variables = dict(RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_PORT=29617)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv('MASTER_ADDR', '127.0.0.1')

    def run(kind=Runner, **changes):
        kind = for_cpu_processes(kind)
        changes.setdefault('launcher', 'pytorch')
        return make_runner(tmp_path, kind=kind, **changes)

    yield run
    if dist.is_initialized():
        dist.destroy_process_group()


@MODEL_WRAPPERS.register_module()
class OwnParallel(MMDistributedDataParallel):
    """A user's wrapper."""


def test_keys_of_the_config_count(build):
    runner = build(find_unused_parameters=True)
    assert dist.get_backend() == 'gloo'
    assert type(runner.model) is MMDistributedDataParallel
    assert runner.model.find_unused_parameters
    # As MMEngine has it on a GPU.
    assert not runner.model.broadcast_buffers


def test_defaults_are_those_of_mmengine(build, tmp_path):
    runner = build()
    assert not runner.model.find_unused_parameters
    assert not runner.model.broadcast_buffers
    # What is needed here is not left to whoever reads the run's config elsewhere.
    (written,) = tmp_path.glob('*.py')
    config = Config.fromfile(written)
    assert 'model_wrapper_cfg' not in config and 'env_cfg' not in config


def test_wrapper_of_ones_own(build):
    options = dict(type='OwnParallel', find_unused_parameters=True)
    runner = build(model_wrapper_cfg=options)
    assert type(runner.model) is OwnParallel
    assert runner.model.find_unused_parameters


def test_runner_of_ones_own(build):
    class OwnRunner(Runner):
        pass

    runner = build(OwnRunner)
    assert isinstance(runner, OwnRunner) and type(runner).__name__ == 'OwnRunner'


def test_sync_bn_trains_as_bn(build):
    runner = build(iters=1, backbone=dict(BACKBONE, norm_cfg=dict(type='SyncBN')))
    model = runner.model.module
    assert not any(isinstance(m, nn.SyncBatchNorm) for m in model.modules())
    norm = model.networks.top.backbone.stem[1]
    runner.train()
    # The optimizer has the layers that are there.
    assert (norm.weight != 1).any() and (norm.running_mean != 0).any()


def test_timeout(build, monkeypatch):
    seen = {}
    start = dist.init_process_group

    def note(backend, **options):
        seen.update(backend=backend, **options)
        return start(backend, **options)

    monkeypatch.setattr(dist, 'init_process_group', note)
    build(env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=77)))
    assert seen['backend'] == 'gloo' and seen['timeout'].total_seconds() == 77
