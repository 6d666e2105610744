import io

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch._utils import ExceptionWrapper

from mmseg_coop.datasets import DataFault
from mmseg_coop.datasets.file_faults import check_label, read_file
from mmseg_coop.datasets.toy_scene import ToyScene

SCENE = ToyScene(0, 32, 48)
# The same files in each run.
deterministic = settings(derandomize=True, deadline=None, max_examples=60)


def encode(kind: str, **options) -> bytes:
    content = io.BytesIO()
    Image.fromarray(SCENE.image).save(content, kind, **options)
    return content.getvalue()


FILES = {
    'jpeg': encode('jpeg'),
    'progressive jpeg': encode('jpeg', progressive=True),
    'png': encode('png'),
}


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return tmp_path_factory.mktemp('files') / 'file'


def read(path, data):
    path.write_bytes(data)
    return read_file(str(path), None)


@pytest.mark.parametrize('kind', FILES)
def test_a_cut_file_is_recognised_wherever_it_is_cut(kind, path):
    data = FILES[kind]
    assert read(path, data) == data

    @deterministic
    @given(st.integers(10, len(data) - len('CRC.') - 1))
    def cut(size):
        with pytest.raises(DataFault, match=f'^{path}: (is truncated|can not be read)'):
            read(path, data[:size])

    cut()


def test_a_png_with_any_wrong_byte_is_recognised(path):
    data = FILES['png']

    @deterministic
    @given(st.integers(8, len(data) - len(b'....IEND....') - 1), st.integers(1, 255))
    def flip(place, change):
        # The case of a chunk's name says whether decoders may leave it out.
        assume(change != 0x20)
        wrong = bytearray(data)
        wrong[place] ^= change
        with pytest.raises(DataFault, match='can not be read'):
            read(path, bytes(wrong))

    flip()


def test_whole_files_with_something_behind(path):
    for data in FILES.values():
        assert read(path, data + b'appended by a phone')
    # A preview in the file's head has an end marker of its own.
    head = b'\xff\xd8\xff\xe1\x00\x10' + b'\xff\xda..\xff\xd9'
    with pytest.raises(DataFault, match='truncated'):
        read(path, head + FILES['jpeg'][2:-2])


def test_files_that_can_not_be_read(tmp_path):
    with pytest.raises(DataFault, match='nowhere.png: can not be read .FileNotFound'):
        read_file(str(tmp_path / 'nowhere.png'), None)
    with pytest.raises(DataFault, match=f'{tmp_path}: can not be read .IsADirectory'):
        read_file(str(tmp_path), None)


@deterministic
@given(
    st.binary(min_size=12, max_size=12),
    st.integers(1, 256),
    st.sampled_from([0, 7, 254, 255]),
    st.booleans(),
)
def test_values_outside_of_the_classes(values, num_classes, ignore_index, same_size):
    label = np.frombuffer(values, np.uint8).reshape(3, 4)
    shape = (3, 4) if same_size else (4, 3)
    wrong = sorted(v for v in set(values) if v >= num_classes and v != ignore_index)
    try:
        check_label('a.png', label, shape, num_classes, ignore_index)
        message = ''
    except DataFault as fault:
        message = str(fault)
    assert ('3x4 for an image of 4x3' in message) == (not same_size)
    assert ('found labels' in message) == bool(wrong)
    for value in wrong[:8]:
        assert f'{value} ({values.count(value)} pixels)' in message
    assert (' more,' in message) == (len(wrong) > 8)
    assert '\n' not in message


def test_labels_of_unknown_classes_and_shapes():
    label = np.full((2, 2), 200, np.uint8)
    check_label('a.png', label, None, None, 255)
    with pytest.raises(DataFault, match=r'a.png: found a label of shape .2, 2, 3.'):
        check_label('a.png', np.stack([label] * 3, -1), None, 19, 255)


def test_the_error_of_a_worker_is_the_line_itself():
    """PyTorch makes the error again from the text of the worker's traceback."""
    try:
        raise DataFault('a.png: is empty')
    except DataFault:
        wrapped = ExceptionWrapper(where='in DataLoader worker process 0')
    with pytest.raises(DataFault) as error:
        wrapped.reraise()
    assert str(error.value) == 'a.png: is empty'
