"""Configs as text that nothing has formatted: that took half of a tool's time.

MMEngine writes a run's config to its log, its folder and into each checkpoint, and has
yapf format it each time.
"""

from yapf.yapflib import yapf_api


def leave_configs_unformatted() -> None:
    """Have this process format no Python."""
    yapf_api.FormatCode = _unformatted


def _unformatted(text: str, *args, **kwargs) -> tuple[str, bool]:
    """Stand for yapf's ``FormatCode``, which also refuses what is no Python."""
    compile(text, '<config>', 'exec')
    return text, False
