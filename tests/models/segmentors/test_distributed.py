import copy
import os
import subprocess
from pathlib import Path

import pytest
import torch

from helpers.differing import MIXED, SEGFORMER
from helpers.tiny import NUM_CLASSES, build_pair, make_samples, total_loss

TESTS = Path(__file__).parents[2]
WORKER = Path(__file__).with_name('ddp_worker.py')


def run_worker(python: str, paths: list[Path]) -> None:
    command = [python, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc_per_node=2', str(WORKER), *map(str, paths)]
    places = [str(TESTS), str(TESTS.parent), os.environ.get('PYTHONPATH', '')]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(places), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


CROSS = dict(pattern='cross', sites='backbone')
CASES = {
    'same': dict(network='deeplabv3plus', connections=dict(pattern='same')),
    'multi': dict(network='danet', connections=dict(pattern='multi')),
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


@pytest.fixture(scope='module')
def cases(tmp_path_factory, python) -> dict[str, dict]:
    """Results of all cases from one launch of two processes, which takes seconds."""
    folder = tmp_path_factory.mktemp('distributed')
    paths = [folder / f'{name}.pth' for name in CASES]
    made = {}
    for path in paths:
        torch.manual_seed(0)
        options = copy.deepcopy(CASES[path.stem])
        options['connections']['connector'] = dict(start='random')
        model = build_pair(options.pop('network'), **options)
        inputs = torch.randn(4, 3, 64, 64)
        labels = torch.randint(0, NUM_CLASSES, (4, 1, 64, 64))
        made[path.stem] = dict(model=model, inputs=inputs, labels=labels)
        torch.save(made[path.stem], path)
    run_worker(python, paths)
    return {p.stem: dict(made[p.stem], gradients=torch.load(p)) for p in paths}


@pytest.mark.parametrize('name', CASES)
def test_two_processes_give_the_gradients_of_one(name, cases):
    """2 processes x batch 2 = 1 process x batch 4, without find_unused_parameters."""
    case = cases[name]
    model = case['model']
    samples = make_samples(case['labels'])
    total_loss(model.eval().loss(case['inputs'], samples)).backward()
    gradients = case['gradients']
    assert gradients.keys() == dict(model.named_parameters()).keys()
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            assert gradients[name] is None
            continue
        torch.testing.assert_close(
            gradients[name], parameter.grad, rtol=1e-4, atol=1e-6, msg=name
        )
