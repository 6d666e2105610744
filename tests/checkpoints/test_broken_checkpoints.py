"""Files that are no checkpoint, or damaged: named in one line, and not changed."""

from io import BytesIO

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.runner import CheckpointLoader
from safetensors.torch import save

from mmseg_coop.models.checkpoint_weights import load_weights

FEW = settings(max_examples=30, deadline=None, derandomize=True)
STATE = {f'layer{i}.weight': torch.arange(6.0).reshape(2, 3) + i for i in range(3)}
CHECKPOINT = dict(state_dict=STATE, meta=dict(seed=1, cfg='a = 1'))


def saved(**options) -> bytes:
    file = BytesIO()
    torch.save(CHECKPOINT, file, **options)
    return file.getvalue()


FORMATS = {
    '.pth': saved(),
    '.legacy.pth': saved(_use_new_zipfile_serialization=False),
    '.safetensors': save(STATE),
}
# Any value that a pickle may hold.
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
VALUES = st.recursive(
    LEAVES | st.just(torch.ones(2)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            LEAVES | st.sampled_from(['state_dict', 'meta', 'message_hub']),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('broken')


def load_or_reason(path, content: bytes):
    """Load a file; None if it is refused in a line that names it."""
    path.write_bytes(content)
    try:
        return CheckpointLoader.load_checkpoint(str(path), 'cpu', logger='silent')
    except ValueError as error:
        assert path.name in str(error) and '\n' not in str(error)
        return None
    finally:
        assert path.read_bytes() == content


@pytest.mark.parametrize('suffix', FORMATS)
@FEW
@given(share=st.floats(0, 1, exclude_max=True))
def test_truncated_at_any_byte(folder, suffix, share):
    whole = FORMATS[suffix]
    path = folder / f'a{suffix}'
    assert load_or_reason(path, whole[: int(share * len(whole))]) is None


@FEW
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_changes_a_weight(folder, share, bit):
    changed = bytearray(FORMATS['.pth'])
    changed[int(share * len(changed))] ^= 1 << bit
    loaded = load_or_reason(folder / 'a.pth', bytes(changed))
    # Some bytes of a zip file, such as its times, mean nothing.
    if loaded is not None:
        assert (
            loaded['meta']['seed'] == 1 and loaded['state_dict'].keys() == STATE.keys()
        )
        assert all(torch.equal(loaded['state_dict'][k], v) for k, v in STATE.items())


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@FEW
@given(content=st.binary(max_size=99))
def test_any_other_file(folder, suffix, content):
    assert load_or_reason(folder / f'b{suffix}', content) is None


@FEW
@given(value=VALUES)
def test_any_other_content(folder, value):
    file = BytesIO()
    torch.save(value, file)
    path = folder / 'c.pth'
    if load_or_reason(path, file.getvalue()) is None:
        return
    with pytest.raises(ValueError, match=r'c\.pth (is a|can not be loaded as a) che'):
        load_weights(torch.nn.Linear(2, 2), str(path))


def test_no_file_at_all(folder):
    for path in (folder, folder / 'nowhere.pth', folder / 'nowhere.safetensors'):
        with pytest.raises(FileNotFoundError, match=path.name):
            CheckpointLoader.load_checkpoint(str(path), logger='silent')
