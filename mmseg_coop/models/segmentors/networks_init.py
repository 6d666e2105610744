"""Start a network of a cooperative model from a checkpoint of the single one."""

from mmengine.runner import CheckpointLoader
from mmseg.models.segmentors import EncoderDecoder

from ...engine.checkpoint import check_state_dict


def load_network(network: EncoderDecoder, path: str, key: str) -> None:
    """Load a checkpoint into a network.

    Args:
        network: The network.
        path: The checkpoint: a file or a URL.
        key: The config key, for errors.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the checkpoint is of another architecture.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    except FileNotFoundError:
        raise FileNotFoundError(
            f'{key}: there is no checkpoint {path}; expected one of the single network'
        ) from None
    state_dict = checkpoint.get('state_dict', checkpoint)
    check_state_dict(network, state_dict, f'{key}: {path}')
    network.load_state_dict(state_dict)
