import functools
import os
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import torch
from mmengine.runner import CheckpointLoader

from mmseg_coop.models.segmentors import CooperativeEncoderDecoder  # noqa: F401

from tiny import build_pair
from tiny_runner import make_runner


class Harmful:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Reaching:
    """Reaches for a method when it is unpickled."""

    def __reduce__(self):
        return getattr, (torch.Tensor, 'tolist')


def load(path):
    return CheckpointLoader.load_checkpoint(str(path), logger='silent')


def test_mmengines_own_checkpoints_load(tmp_path):
    make_runner(tmp_path, iters=2).train()
    checkpoint = load(tmp_path / 'iter_2.pth')
    history = checkpoint['message_hub']['log_scalars']['train/loss']
    assert history.current() > 0 and history.mean(2) > 0


@pytest.mark.parametrize('place', ['meta', 'state_dict', 'itself'])
def test_a_checkpoint_that_runs_code_is_refused(tmp_path, place):
    harm, path = tmp_path / 'harm', tmp_path / 'a.pth'
    checkpoint = dict(state_dict={}, meta={})
    if place == 'itself':
        checkpoint = Harmful(harm)
    else:
        checkpoint[place]['x'] = Harmful(harm)
    torch.save(checkpoint, path)
    with pytest.raises(ValueError, match=r'a\.pth is refused: .*mkdir.*--trust'):
        load(path)
    assert not harm.exists()


def test_only_the_averages_of_a_history_are_reached_for(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(Reaching(), path)
    with pytest.raises(ValueError, match=r'a\.pth'):
        load(path)


def test_trust(tmp_path, monkeypatch):
    monkeypatch.setenv('MMSEG_COOP_TRUST_CHECKPOINT', '1')
    torch.save(dict(x=Harmful(tmp_path / 'harm')), tmp_path / 'a.pth')
    load(tmp_path / 'a.pth')
    assert (tmp_path / 'harm').exists()


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
    torch.save(Harmful(tmp_path / 'harm'), served / 'a.pth')
    torch.save(dict(state_dict={}), served / 'b.pth')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'cache'))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(served))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}'
        with pytest.raises(ValueError, match='is refused'):
            load(f'{url}/a.pth')
        assert load(f'{url}/b.pth') == dict(state_dict={})
        with pytest.raises(ValueError, match=r'c\.pth can not be downloaded'):
            load(f'{url}/c.pth')
        server.shutdown()
    assert not (tmp_path / 'harm').exists()


def test_networks_init_is_safe(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict={}, meta=Harmful(tmp_path / 'harm')), path)
    model = build_pair(networks_init=[str(path), None])
    with pytest.raises(ValueError, match='is refused'):
        model.init_weights()
    assert not (tmp_path / 'harm').exists()
