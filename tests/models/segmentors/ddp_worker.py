"""One of two processes: half a batch through DistributedDataParallel.

Usage: torchrun --nproc_per_node=2 ddp_worker.py FILE [FILE ...], where each file has
a model, inputs and labels, in whose place it gets the gradients.
"""

import sys

import torch
import torch.distributed as dist
from mmengine.registry import init_default_scope
from torch.nn.parallel import DistributedDataParallel

import mmseg_coop  # noqa: F401  (registers everything)

from helpers.tiny import make_samples, total_loss


def main(paths: list[str]) -> None:
    dist.init_process_group('gloo')
    init_default_scope('mmseg')
    for path in paths:
        add_gradients(path)
    dist.destroy_process_group()


def add_gradients(path: str) -> None:
    rank, world = dist.get_rank(), dist.get_world_size()
    case = torch.load(path, weights_only=False)
    model = case['model']
    # Batch norm with fixed statistics and no dropout: samples don't interact.
    ddp = DistributedDataParallel(model.eval())
    # Two steps: connections must not confuse the reducer of the next one.
    for _ in range(2):
        ddp.zero_grad()
        inputs = case['inputs'][rank::world]
        samples = make_samples(case['labels'][rank::world])
        total_loss(ddp(inputs, samples, mode='loss')).backward()
    if rank == 0:
        torch.save({n: p.grad for n, p in model.named_parameters()}, path)


if __name__ == '__main__':
    main(sys.argv[1:])
