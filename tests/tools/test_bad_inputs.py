"""Bad command lines, configs, checkpoints and images through the tools.

Each ends with an exit code, says in a line what is at fault, shows no traceback, and
leaves all files as they are.
"""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image

from helpers.run_tool import run_tool

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
PAIR, SINGLE = (CONFIGS / f'danet_r18_{name}_toy.py' for name in ('same', 'single'))
CONFIG_FILES = {
    'empty.py': '',
    'syntax.py': 'model = dict(',
    'raises.py': 'raise RuntimeError("by itself")',
    'no_base.py': "_base_ = './nowhere.py'",
    'no_model.py': 'a = 1',
    'model_is_a_list.py': 'model = [1]',
    'text.txt': 'model',
    'text.yaml': 'model: [',
    'text.json': '{"model": ',
    'latin.py': 'model = "\xe9"',
}
CHECKPOINTS = [
    'nowhere.pth',
    'folder',
    'empty.pth',
    'text.pth',
    'other.pth',
    'list.pth',
]
CHECKPOINTS += ['half.pth', 'flipped.pth', 'text.safetensors', 'image.png']
READING = {
    'train.py': [],
    'test.py': ['good.pth'],
    'predict.py': ['good.pth', 'image.png'],
    'analyze.py': ['good.pth'],
    'export.py': ['good.pth', '--out', 'new.onnx'],
    'publish.py': ['good.pth', '--out', 'new'],
}
CONVERT = 'convert_checkpoint.py'
CAMVID, CITYSCAPES, VOC = (
    f'dataset_converters/{name}.py' for name in ('camvid', 'cityscapes', 'voc_aug')
)
LINES: list[tuple[str, list, str]] = [
    *((tool, [], 'required') for tool in (*READING, CONVERT, 'compare.py')),
    *((tool, [], 'required') for tool in (CAMVID, CITYSCAPES, VOC)),
    *(
        (tool, [PAIR, *rest, '--foo'], 'unrecognized arguments: --foo')
        for tool, rest in READING.items()
    ),
    *(
        (tool, [PAIR, *rest, '--cfg-options', 'model'], "found 'model', expected key=")
        for tool, rest in READING.items()
    ),
    *(
        (tool, [config, *rest], config)
        for tool, rest in READING.items()
        for config in (*CONFIG_FILES, 'nowhere.py', 'folder')
    ),
    *(
        (tool, [PAIR, checkpoint, *READING[tool][1:]], checkpoint)
        for tool in ('test.py', 'predict.py', 'analyze.py', 'export.py', 'publish.py')
        for checkpoint in CHECKPOINTS
    ),
    *(
        (CONVERT, [checkpoint, 'out.safetensors'], checkpoint)
        for checkpoint in CHECKPOINTS
        if checkpoint != 'other.pth'
    ),
    (CONVERT, ['good.pth', 'good.pth'], 'ends with .safetensors'),
    (CONVERT, ['good.pth', 'text.pth/out.safetensors'], 'text.pth'),
    ('train.py', [PAIR, '--launcher', 'foo'], "invalid choice: 'foo'"),
    ('train.py', [PAIR, '--launcher', 'slurm'], 'RANK expected'),
    ('train.py', [PAIR, '--work-dir', 'text.pth'], 'text.pth'),
    ('train.py', [PAIR, '--cfg-options', 'load_from=text.pth'], 'text.pth'),
    (
        'train.py',
        [PAIR, '--resume', '--cfg-options', 'load_from=good.pth'],
        'good.pth: has no meta, message_hub, optimizer of a training run',
    ),
    (
        'train.py',
        [PAIR, '--amp', '--cfg-options', 'optim_wrapper=None'],
        'optim_wrapper: found None',
    ),
    (
        'test.py',
        [PAIR, 'good.pth', '--tta', '--cfg-options', 'tta_pipeline=None'],
        '--tta: the config has no tta_pipeline',
    ),
    (
        'test.py',
        [PAIR, 'good.pth', '--out', 'o', '--cfg-options', 'test_evaluator=[]'],
        '--out: test_evaluator: found []',
    ),
    ('test.py', [PAIR], 'no weights to test'),
    ('test.py', [PAIR, 'good.pth', '--wait-time', 'a'], "invalid float value: 'a'"),
    ('test.py', [PAIR, 'good.pth', '--submission', 'o'], 'no submission_dataloader'),
    ('predict.py', [PAIR], 'SOURCE: found none'),
    (
        'predict.py',
        ['nowhere', 'image.png'],
        'nowhere: there is no such file or folder',
    ),
    ('publish.py', [PAIR, 'folder', '--out', 'new'], 'there is no file folder'),
    ('predict.py', [PAIR, 'good.pth', 'nowhere.jpg'], 'nowhere.jpg'),
    ('predict.py', [PAIR, 'good.pth', 'text.txt'], 'text.txt'),
    ('predict.py', [PAIR, 'good.pth', 'empty_folder'], 'empty_folder'),
    ('predict.py', [PAIR, 'good.pth', '*.nothing'], '*.nothing'),
    ('predict.py', [PAIR, 'good.pth', ''], "SOURCE: found no image or video ''"),
    ('predict.py', [PAIR, 'good.pth', 'empty.png'], 'empty.png'),
    ('predict.py', [PAIR, 'good.pth', 'half.png'], 'half.png'),
    ('predict.py', [PAIR, 'good.pth', 'text.jpg'], 'text.jpg'),
    ('predict.py', [PAIR, 'good.pth', 'text.mp4'], 'text.mp4'),
    ('predict.py', [PAIR, 'good.pth', 'image.png', '--save', 'foo'], "choice: 'foo'"),
    ('predict.py', [PAIR, 'good.pth', 'image.png', '--batch-size', 0], '--batch-size'),
    ('predict.py', [PAIR, 'good.pth', 'image.png', '--opacity', 'nan'], '--opacity'),
    ('predict.py', [PAIR, 'good.pth', 'image.png', '--device', 'foo'], "device: 'foo'"),
    ('predict.py', [PAIR, 'good.pth', 'image.png', '--out', 'text.pth'], 'text.pth'),
    (
        'predict.py',
        [PAIR, 'good.pth', 'image.png', '--cfg-options', 'test_dataloader=3'],
        'test_dataloader',
    ),
    ('analyze.py', [PAIR], 'give a checkpoint after'),
    ('analyze.py', [SINGLE, '--graph'], "model.type: found 'EncoderDecoder'"),
    ('analyze.py', [PAIR, 'good.pth', '--num-images', '-1'], '--num-images: found -1'),
    ('analyze.py', [PAIR, '--graph', '--out', 'text.pth'], 'text.pth'),
    ('compare.py', ['nowhere'], 'nowhere'),
    ('compare.py', ['empty_folder'], 'empty_folder'),
    ('compare.py', ['text.pth'], 'text.pth'),
    ('compare.py', ['image.png'], 'image.png'),
    ('compare.py', ['=text.pth'], 'text.pth'),
    ('compare.py', ['text.pth', '--out', 'table.xls'], '.xls'),
    (CAMVID, ['empty_folder', 'to'], 'empty_folder'),
    (CAMVID, ['broken_camvid', 'to'], 'a.png'),
    (CITYSCAPES, ['empty_folder'], 'empty_folder'),
    (CITYSCAPES, ['broken_cityscapes'], 'a_labelIds.png'),
    (VOC, ['empty_folder', 'to'], 'train.txt'),
    (VOC, ['broken_voc', 'broken_sbd'], 'a.mat'),
]


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('bad')
    for name, text in CONFIG_FILES.items():
        (folder / name).write_bytes(text.encode('latin-1'))
    for name in ('text.pth', 'text.safetensors', 'text.jpg', 'text.mp4'):
        (folder / name).write_text('no more than a text')
    for name in ('empty.pth', 'empty.png'):
        (folder / name).touch()
    for name in ('folder', 'empty_folder'):
        (folder / name).mkdir()
    (folder / 'folder' / 'file').touch()
    good = MODELS.build(Config.fromfile(PAIR).model).state_dict()
    torch.save(good, folder / 'good.pth')
    torch.save(dict(a=torch.ones(1)), folder / 'other.pth')
    torch.save([1, 2], folder / 'list.pth')
    whole = (folder / 'good.pth').read_bytes()
    (folder / 'half.pth').write_bytes(whole[: len(whole) // 2])
    place = len(whole) // 2
    flipped = bytes([whole[place] ^ 1])
    (folder / 'flipped.pth').write_bytes(whole[:place] + flipped + whole[place + 1 :])
    pixels = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    Image.fromarray(pixels).save(folder / 'image.png')
    image = (folder / 'image.png').read_bytes()
    (folder / 'half.png').write_bytes(image[: len(image) // 2])
    broken = {
        'broken_camvid/train/a.png': image[:99],
        'broken_camvid/trainannot/a.png': image[:99],
        'broken_cityscapes/gtFine/train/town/a_labelIds.png': image[:99],
        'broken_voc/VOC2012/ImageSets/Segmentation/train.txt': b'b\n',
        'broken_voc/VOC2012/ImageSets/Segmentation/val.txt': b'c\n',
        'broken_sbd/dataset/cls/a.mat': image,
    }
    for name, content in broken.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope='module')
def before(folder) -> dict[str, bytes]:
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        # Its configs are written to a work dir when a run begins.
        if path.is_file() and 'work_dirs' not in path.parts
    }


def spelled(case: int) -> str:
    tool, arguments, _ = LINES[case]
    return ' '.join([tool, *(Path(str(word)).name for word in arguments)])


@pytest.mark.parametrize('case', range(len(LINES)), ids=spelled)
def test_is_named_and_harmless(case, folder, before, monkeypatch, capsys):
    tool, arguments, culprit = LINES[case]
    # MMEngine's handlers write to what other tests have captured and closed.
    monkeypatch.setattr(logging, 'raiseExceptions', False)
    done = run_tool(tool, folder, arguments, monkeypatch, capsys)
    assert done.returncode in (1, 2), done.stdout[-500:]
    assert 'Traceback' not in done.stderr
    errors = done.stderr[done.stderr.index('error: ') :]
    assert culprit in errors and len(errors.splitlines()) <= 7
    after = contents(folder)
    assert {name: after.get(name) for name in before} == before
