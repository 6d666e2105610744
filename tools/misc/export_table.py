"""Export models of CamVid, and print the table of docs/export.md.

python tools/misc/export_table.py --data data/camvid

Only arithmetic is compared: weights are initial ones, with attention switched on and a
wide distribution for classifiers.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from mmseg.registry import DATASETS, MODELS
from torch import nn

from mmseg_coop.apis import load_config
from mmseg_coop.command_line import run_tool
from mmseg_coop.cost.machine import describe_machine
from mmseg_coop.deployment.export import FORMATS, Exported, export_model

MODELS_OF_TABLE = [
    f'{network}_r18_{method}'
    for network in ('danet', 'deeplabv3plus')
    for method in ('single', 'ensemble', 'same', 'multi')
]
MODELS_OF_TABLE += ['segformer_b0_single', 'danet_r18_segformer_b0_same']
HEADER = (
    '| model | format | may vary | parameters | left out | file | largest difference '
    '| other labels | latency | PyTorch |'
)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description='Tabulate exports of CamVid models')
    parser.add_argument('--data', default='data/camvid', help='folder of CamVid')
    parser.add_argument('--formats', nargs='+', choices=FORMATS, default=list(FORMATS))
    return parser


def build(name: str, data: str) -> tuple[nn.Module, list[torch.Tensor]]:
    options = {'test_dataloader.dataset.data_root': data}
    config = load_config(f'mmseg_coop::coop/{name}_camvid.py', options)
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    for key, value in model.named_parameters():
        if key.endswith('gamma.scale'):
            # DANet's attention starts with weight zero, without an effect.
            nn.init.constant_(value, 0.5)
        if key.endswith('conv_seg.weight'):
            # The initial logits of the classes are almost equal.
            nn.init.normal_(value, std=0.5)
    dataset = DATASETS.build(config.test_dataloader.dataset)
    return model, [dataset[i]['inputs'] for i in range(3)]


def row(name: str, kind: str, found: Exported) -> str:
    cells = [
        name,
        kind,
        found.variable,
        f'{found.parameters:,}',
        f'{sum(found.dead.values()):,}',
        f'{found.size / 1e6:.1f} MB',
        f'{found.agreement.difference:.1e}',
        f'{found.agreement.ties} of {found.agreement.pixels:,}',
        f'{found.latency * 1e3:.0f} ms',
        f'{found.pytorch_latency * 1e3:.0f} ms',
    ]
    return f'| {" | ".join(cells)} |'


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    print(HEADER, '| --- ' * (HEADER.count('|') - 1) + '|', sep='\n')
    with TemporaryDirectory() as folder:
        for kind in args.formats:
            for name in MODELS_OF_TABLE:
                model, images = build(name, args.data)
                out = Path(folder) / f'model{FORMATS[kind]}'
                found = export_model(model, images, out, format=kind)
                print(row(name, kind, found), flush=True)
    print(f'\n{describe_machine(threads=1)}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
