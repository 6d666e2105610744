import os
import resource
import stat
from contextlib import contextmanager

import pytest
from mmengine import fileio
from mmengine.fileio import LocalBackend

from mmseg_coop.checkpoints.atomic_backend import AtomicBackend, remove_incomplete


@contextmanager
def files_of_at_most(size: int):
    """A disk that is full beyond this size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


ATOMIC = dict(backend='atomic')


def test_is_there_by_name(tmp_path):
    path = tmp_path / 'folder' / 'a.bin'
    fileio.put(b'abc', str(path), backend_args=ATOMIC)
    assert path.read_bytes() == b'abc'
    AtomicBackend().put_text('ä', path)
    assert path.read_text('utf-8') == 'ä'
    LocalBackend().put(b'', tmp_path / 'mmengine')
    modes = [stat.S_IMODE(os.stat(p).st_mode) for p in (path, tmp_path / 'mmengine')]
    assert modes[0] == modes[1]


def test_full_disk_leaves_the_older_file(tmp_path):
    path = tmp_path / 'a.bin'
    AtomicBackend().put(b'old', path)
    with files_of_at_most(1000), pytest.raises(OSError) as error:
        AtomicBackend().put(bytes(2_000_000), path)
    assert f'{path} can not be written (File too large)' in str(error.value)
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['a.bin']


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / 'there').mkdir()
    link = tmp_path / 'link.bin'
    link.symlink_to(tmp_path / 'there' / 'a.bin')
    AtomicBackend().put(b'abc', link)
    assert link.is_symlink()
    assert (tmp_path / 'there' / 'a.bin').read_bytes() == b'abc'


def test_what_a_killed_process_leaves_is_removed(tmp_path):
    kept = tmp_path / 'iter_1.pth'
    kept.touch()
    child = os.fork()
    if child == 0:
        os.replace = lambda *args: os._exit(9)
        AtomicBackend().put(b'abc', tmp_path / 'iter_2.pth')
    os.waitpid(child, 0)
    assert len(os.listdir(tmp_path)) == 2
    # Of tools/publish.py, which may be at work.
    folder = tmp_path / '.model.0123abcd.incomplete'
    folder.mkdir()
    remove_incomplete(tmp_path)
    assert {*tmp_path.iterdir()} == {kept, folder}
