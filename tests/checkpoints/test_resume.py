import os
import random

import pytest
import torch

from mmseg_coop.checkpoints.resume import damage, newest_complete_checkpoint


def save(folder, step, age=0, value=0.0):
    """A checkpoint, written so many seconds ago."""
    path = folder / f'iter_{step}.pth'
    weights = torch.full((1000,), value)
    torch.save(dict(state_dict=dict(weight=weights), meta=dict(iter=step)), path)
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def newest(folder):
    return newest_complete_checkpoint(folder, folder, 'iter_{}.pth')


def point_to(path, folder=None):
    (folder or path.parent).joinpath('last_checkpoint').write_text(str(path))


def test_flipped_bits_are_found_or_harmless(tmp_path):
    """Every bit that PyTorch reads counts."""
    path = save(tmp_path, 1, value=1.5)
    assert damage(path) is None
    whole = path.read_bytes()
    dice = random.Random(0)
    found = 0
    for _ in range(300):
        data = bytearray(whole)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        if damage(path):
            found += 1
            continue
        # Names of the archive's entries and padding between them.
        loaded = torch.load(path, weights_only=True)
        assert torch.equal(loaded['state_dict']['weight'], torch.full((1000,), 1.5))
    assert found > 200


@pytest.mark.parametrize('share', [0, 0.01, 0.5, 0.99])
def test_truncated_files_are_found(tmp_path, share):
    path = save(tmp_path, 1)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert damage(path)


def test_newest_complete_one_is_taken_and_says_so(tmp_path, logged):
    first, second = save(tmp_path, 2, age=20), save(tmp_path, 10, age=10)
    third = save(tmp_path, 12)
    point_to(third)
    assert newest(tmp_path) == str(third)
    third.write_bytes(third.read_bytes()[:-100])
    logged.clear()
    assert newest(tmp_path) == str(second)
    assert logged[0].startswith(f'{tmp_path}: {third.name} is damaged (')
    assert logged[1:] == [f'Resuming from {second}']
    second.write_bytes(b'')
    assert newest(tmp_path) == str(first)
    first.write_bytes(b'')
    with pytest.raises(ValueError, match='no checkpoint to resume from: iter_12.pth'):
        newest(tmp_path)


@pytest.mark.parametrize('content', [None, b'', b'nowhere.pth', b'\xff\0', b'iter_2'])
def test_wrong_last_checkpoint_does_not_matter(tmp_path, content):
    save(tmp_path, 2, age=10)
    expected = save(tmp_path, 4)
    if content is not None:
        (tmp_path / 'last_checkpoint').write_bytes(content)
    assert newest(tmp_path) == str(expected)


def test_neither_copies_nor_earlier_runs_mislead(tmp_path):
    # An earlier run went further.
    save(tmp_path, 100, age=100)
    last = save(tmp_path, 8, age=10)
    assert newest(tmp_path) == str(last)
    # A copy made elsewhere has the order of the copying.
    point_to('/elsewhere/iter_8.pth', tmp_path)
    save(tmp_path, 6)
    assert newest(tmp_path) == str(last)


def test_no_checkpoint_is_a_new_start(tmp_path, logged):
    (tmp_path / 'best_mIoU_iter_4.pth').touch()
    (tmp_path / 'iter_4.pth.bak').touch()
    assert newest(tmp_path) is None
    assert logged == [f'{tmp_path} has no checkpoint of this run']
