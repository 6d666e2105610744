import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmseg.registry import MODELS

from differing import MIXED, SEGFORMER
from tiny import NUM_CLASSES, make_samples, network_config, total_loss

TESTS = Path(__file__).parents[2]
WORKER = Path(__file__).with_name('ddp_worker.py')


def run_worker(path: Path) -> None:
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc_per_node=2', str(WORKER), str(path)]
    paths = [str(TESTS), str(TESTS.parent), os.environ.get('PYTHONPATH', '')]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


CROSS = dict(pattern='cross', sites='backbone')
CASES = {
    'same': dict(network='deeplabv3plus', connections=dict(pattern='same')),
    'multi': dict(network='danet', connections=dict(pattern='multi')),
    'networks that differ': dict(
        network='danet',
        connections=dict(pattern='same', sites='backbone'),
        networks=MIXED,
    ),
    'cross': dict(network='danet', connections=CROSS, networks=MIXED),
    'losses between networks': dict(
        network='danet',
        connections=dict(pattern='same', sites='backbone'),
        networks=MIXED,
        cooperation_losses=[dict(type='MutualLoss')],
    ),
    'a pair that teaches': dict(
        network='deeplabv3plus',
        connections=dict(pattern='same', among=['top', 'bottom']),
        networks=[
            dict(name='top', frozen=True),
            dict(name='bottom', frozen=True),
            dict(name='student'),
        ],
        cooperation_losses=[dict(type='DistillLoss', student='student')],
    ),
    'cross with a frozen network': dict(
        network='danet',
        connections=CROSS,
        networks=dict(top=dict(frozen=True), bottom=SEGFORMER),
    ),
}


@pytest.mark.parametrize('name', CASES)
def test_two_processes_give_the_gradients_of_one(name, tmp_path):
    """2 processes x batch 2 = 1 process x batch 4, without find_unused_parameters."""
    options = copy.deepcopy(CASES[name])
    options['connections']['connector'] = dict(start='random')
    config = network_config(
        options.pop('network'), type='CooperativeEncoderDecoder', **options
    ).to_dict()
    model = MODELS.build(config)
    inputs = torch.randn(4, 3, 64, 64)
    labels = torch.randint(0, NUM_CLASSES, (4, 1, 64, 64))
    case = dict(config=config, weights=model.state_dict())
    path = tmp_path / 'case.pth'
    torch.save({**case, 'inputs': inputs, 'labels': labels}, path)

    total_loss(model.eval().loss(inputs, make_samples(labels))).backward()
    run_worker(path)

    gradients = torch.load(path)
    assert gradients.keys() == dict(model.named_parameters()).keys()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            assert gradients[name] is None
            continue
        torch.testing.assert_close(
            gradients[name], parameter.grad, rtol=1e-4, atol=1e-6, msg=name
        )
