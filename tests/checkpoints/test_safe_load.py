import functools
import os
from contextlib import nullcontext
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
import torch
import torch.distributed as dist
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, checkpoint
from mmseg.apis import MMSegInferencer

from mmseg_coop.models.segmentors import CooperativeEncoderDecoder  # noqa: F401

from helpers.harmful import FORMATS, PLACES, WAYS, Call, harmful_checkpoint
from helpers.tiny import build_pair
from helpers.tiny_runner import make_runner

TRUST = 'MMSEG_COOP_TRUST_CHECKPOINT'


def load(path):
    return CheckpointLoader.load_checkpoint(str(path), logger='silent')


def test_mmengines_own_checkpoints_load(tmp_path):
    make_runner(tmp_path, iters=2).train()
    loaded = load(tmp_path / 'iter_2.pth')
    history = loaded['message_hub']['log_scalars']['train/loss']
    assert history.current() > 0 and history.mean(2) > 0


@pytest.mark.parametrize('form', FORMATS)
@pytest.mark.parametrize('way', WAYS)
def test_a_checkpoint_that_runs_code_is_refused(tmp_path, way, form):
    harm, path = tmp_path / 'harm', tmp_path / 'a.pth'
    for place in PLACES:
        FORMATS[form](harmful_checkpoint(WAYS[way](str(harm)), place), path)
        # Of newer pickles PyTorch names nothing.
        refused = r'refused: .*run \S+.*--trust'
        unnamed = 'no check.*--trust|no check.*a tar file'
        named = refused if form in ('zip', 'legacy') else f'({refused}|{unnamed})'
        with pytest.raises(ValueError, match=rf'a\.pth is {named}'):
            load(path)
        assert not harm.exists()


@pytest.mark.parametrize('form', FORMATS)
@pytest.mark.parametrize('way', WAYS)
def test_trust(tmp_path, monkeypatch, way, form):
    """The refused files are really harmful."""
    monkeypatch.setenv(TRUST, '1')
    harm, path = tmp_path / 'harm', tmp_path / 'a.pth'
    FORMATS[form](harmful_checkpoint(WAYS[way](str(harm))), path)
    # A plain pickle is no checkpoint, even if it is trusted.
    with nullcontext() if 'pickle' not in form else pytest.raises(ValueError):
        load(path)
    assert harm.exists()


class Pickled:
    """Unpickles to what a function gives, with a state that is set on it."""

    def __init__(self, function, args, state):
        self.reduced = function, args, state

    def __reduce__(self):
        return self.reduced


ESCAPES = {
    'a method': Call(getattr, torch.Tensor, 'tolist'),
    'objects': Call(np.dtype, 'O'),
    'a structure': Call(np.dtype, [('a', 'f8')]),
    'a function for all histories': Pickled(
        HistoryBuffer.__new__, (HistoryBuffer,), dict(statistics_methods=dict(mean=len))
    ),
    'a sub-class': Call(np.matrix, [1]),
}


@pytest.mark.parametrize('name', ESCAPES)
def test_what_is_allowed_leads_nowhere(tmp_path, name):
    path = tmp_path / 'a.pth'
    torch.save(dict(a=ESCAPES[name]), path)
    with pytest.raises(ValueError, match=r'a\.pth'):
        load(path)


def test_histories_take_no_functions(tmp_path):
    """MMEngine's own keep them for all histories of the process."""
    history = HistoryBuffer([1.0], [1])
    history._statistics_methods = dict(mean=torch.Size, sum=torch.Size)
    torch.save(dict(a=history), tmp_path / 'a.pth')
    loaded = load(tmp_path / 'a.pth')['a']
    for other in (loaded, HistoryBuffer([1.0], [1])):
        assert type(other) is HistoryBuffer and other.statistics('mean') == 1


def test_types_of_numpy_stay_as_they_are(tmp_path):
    """A type with another's fields makes NumPy take numbers for addresses."""
    fields = (3, '|', None, ('a',), dict(a=(np.dtype('f4'), 0)), 8, 1, 0)
    data = Pickled(np.dtype, ('f8', False, True), fields)
    torch.save(dict(a=data), tmp_path / 'a.pth')
    loaded = load(tmp_path / 'a.pth')['a']
    assert loaded is np.dtype('f8') and loaded.fields is None


@pytest.mark.parametrize(
    'array', [np.arange(6.0).reshape(2, 3), np.ones(3, bool), np.array(2, np.uint32)]
)
def test_arrays_and_numbers_load(tmp_path, array):
    data = dict(a=array, b=np.asfortranarray(array), c=array.reshape(-1)[0])
    torch.save(data, tmp_path / 'a.pth')
    for key, value in load(tmp_path / 'a.pth').items():
        np.testing.assert_array_equal(value, data[key])
        assert value.dtype == array.dtype and type(value) is type(data[key])


@pytest.mark.parametrize('content', [b'', b'text', b'PK\x03\x04', 'half'])
def test_what_is_no_checkpoint_is_named(tmp_path, content):
    path = tmp_path / 'a.pth'
    if content == 'half':
        torch.save(build_pair().state_dict(), path)
        content = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.pth is no checkpoint, or not a complete'):
        load(path)


def test_a_url_is_no_way_around(tmp_path, monkeypatch):
    served = tmp_path / 'served'
    served.mkdir()
    torch.save(Call(os.mkdir, str(tmp_path / 'harm')), served / 'a.pth')
    torch.save(dict(state_dict={}), served / 'b.pth')
    for name in ('one', 'other'):
        (served / name).mkdir()
        torch.save(dict(state_dict={name: torch.ones(1)}), served / name / 'b.pth')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'cache'))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(served))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}'
        with pytest.raises(ValueError, match='is refused'):
            load(f'{url}/a.pth')
        assert load(f'{url}/b.pth') == dict(state_dict={})
        # Another file of the same name.
        for name in ('one', 'other'):
            assert [*load(f'{url}/{name}/b.pth')['state_dict']] == [name]
        with pytest.raises(ValueError, match=r'c\.pth can not be downloaded'):
            load(f'{url}/c.pth')
        # In a distributed run, too.
        dist.init_process_group('gloo', store=dist.HashStore(), rank=0, world_size=1)
        try:
            assert load(f'{url}/one/b.pth')
        finally:
            dist.destroy_process_group()
        server.shutdown()
    assert not (tmp_path / 'harm').exists()


def test_networks_init_is_safe(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict={}, meta=Call(os.mkdir, str(tmp_path / 'harm'))), path)
    model = build_pair(networks_init=[str(path), None])
    with pytest.raises(ValueError, match='is refused'):
        model.init_weights()
    assert not (tmp_path / 'harm').exists()


@pytest.mark.parametrize(
    ('zoo', 'list_models'),
    [
        ('torchvision', 'get_torchvision_models'),
        ('open-mmlab', 'get_external_models'),
        ('mmcls', 'get_mmcls_models'),
    ],
)
def test_names_of_model_zoos(tmp_path, monkeypatch, zoo, list_models):
    """They lead to a URL, whose file is loaded as safely as any."""
    folder = tmp_path / 'checkpoints'
    folder.mkdir()
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    models = dict(resnet='https://nowhere.invalid/a-00a7f188.pth')
    monkeypatch.setattr(checkpoint, list_models, lambda: models)
    path = folder / 'a-00a7f188.pth'
    torch.save(dict(a=Call(os.mkdir, str(tmp_path / 'harm'))), path)
    with pytest.raises(ValueError, match='is refused'):
        load(f'{zoo}://resnet')
    torch.save({'backbone.a': torch.ones(1)}, path)
    assert load(f'{zoo}://resnet')
    assert not (tmp_path / 'harm').exists()


@pytest.mark.parametrize('store', ['s3', 'petrel', 'pavi'])
def test_stores_that_only_unsafe_loaders_read(store):
    with pytest.raises(ValueError, match='is refused: download it'):
        load(f'{store}://bucket/a.pth')


def test_the_config_in_a_checkpoint_is_not_executed(tmp_path, monkeypatch):
    harm, path = tmp_path / 'harm', tmp_path / 'a.pth'
    code = f'import os\nos.mkdir({str(harm)!r})\n'
    meta = dict(cfg=code, config=code, epoch=0, iter=0)
    hub = dict(runtime_info=dict(cfg=code))
    torch.save(dict(state_dict={}, meta=meta, message_hub=hub), path)
    with pytest.raises(ValueError, match=r'config in a checkpoint is code.*--trust'):
        MMSegInferencer(model=None, weights=str(path), device='cpu')
    runner = make_runner(tmp_path / 'run', iters=1)
    with pytest.raises(AssertionError, match='log_scalars'):
        runner.resume(str(path))
    assert not harm.exists()
    monkeypatch.setenv(TRUST, '1')
    with pytest.raises(AttributeError):
        MMSegInferencer(model=None, weights=str(path), device='cpu')
    assert harm.exists()
