"""Pythons that have MMSegmentation imported, which takes a fresh one seconds of work.

``serve`` yields the paths of two that take a script, ``-m`` or ``-c`` as any does.
Their work is done in a fork of a server that has imported the host's packages and has
run nothing; one has imported this package, too, the other leaves it to its processes.
Exit codes, signals, inherited files, environment and folder are those of a process of
its own.
"""

import atexit
import contextlib
import gc
import importlib
import json
import multiprocessing
import os
import runpy
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

from helpers.plain_configs import leave_configs_unformatted

CLIENT = Path(__file__).with_name('fast_python_client.py')
# Where workers of pytest-xdist find the executables.
PYTHONS = 'MMSEG_COOP_TESTS_PYTHONS'
MODULES = [
    'jinja2',
    'matplotlib.pyplot',
    'mmpretrain.datasets',
    'mmseg.apis',
    'mmseg.datasets',
    'mmseg.engine',
    'mmseg.evaluation',
    'mmseg.models',
    'scipy.stats',
    'torch.distributed.run',
    'torchvision',
]
PACKAGE = [
    'mmseg_coop.apis',
    'mmseg_coop.command_line',
    'mmseg_coop.comparison.report',
    'mmseg_coop.engine',
    'mmseg_coop.study',
]
OPTIONAL = ['timm', 'torch.utils.tensorboard']


@contextlib.contextmanager
def serve() -> Iterator[tuple[Path, Path]]:
    """Serve for a while.

    Yields:
        Paths of the executables: with this package imported, and without.
    """
    # The folders of tests have longer names than a socket may have.
    with tempfile.TemporaryDirectory() as folder:
        server, *executables = _start(Path(folder))
        try:
            yield tuple(executables)
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _start(folder: Path) -> tuple[subprocess.Popen, Path, Path]:
    paths = [str(CLIENT.parents[1]), os.environ.get('PYTHONPATH', '')]
    with contextlib.ExitStack() as stack:
        executables, files = [], []
        for name in ('python', 'fresh'):
            executable, address = folder / name, folder / f'{name}.socket'
            client = [sys.executable, '-ISE', str(CLIENT), str(address)]
            command = shlex.join([*client, str(executable)])
            executable.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            executable.chmod(0o755)
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(address))
            listener.listen(64)
            executables.append(executable)
            files.append(listener.fileno())
        server = subprocess.Popen(
            [sys.executable, __file__, *map(str, files)],
            stdin=subprocess.DEVNULL,
            pass_fds=files,
            start_new_session=True,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, paths))},
        )
    return server, *executables


def wait_for_client(listener: socket.socket) -> dict:
    """Fork for every client; return, in the fork, what the client asks for."""
    while True:
        client, _ = listener.accept()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork():
            client.close()
            continue
        listener.close()
        message, files, _, _ = socket.recv_fds(client, 1 << 20, 64)
        process = os.fork()
        if not process:
            client.close()
            return dict(json.loads(message), received=files)
        for file in files:
            os.close(file)
        keep(process, client)


def keep(process: int, client: socket.socket) -> None:
    """Tell a client how its process ends, and end it with the client."""
    client.sendall(process.to_bytes(4, 'big'))
    ended = os.pidfd_open(process)
    if ended not in select.select([client, ended], [], [])[0]:
        os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    with contextlib.suppress(OSError):
        code = os.waitstatus_to_exitcode(status)
        client.sendall(code.to_bytes(4, 'big', signed=True))
    os._exit(0)


def become(asked: dict) -> None:
    """Take the client's files, folder, environment and name."""
    import numpy

    os.setsid()
    # Out of the way of the numbers that they get.
    files = [os.dup2(file, 500 + file) for file in asked['received']]
    os.closerange(3, 500)
    for file, number in zip(files, asked['files'], strict=True):
        os.dup2(file, number)
        os.close(file)
    os.chdir(asked['folder'])
    os.environ.clear()
    os.environ.update(asked['environment'])
    # For processes that this one starts, as torchrun does.
    sys.executable = asked['executable']
    multiprocessing.set_executable(sys.executable)
    paths = os.environ.get('PYTHONPATH', '').split(os.pathsep)
    sys.path[:] = [*filter(None, paths), *sys.path]
    numpy.random.seed()


def run(arguments: list[str]) -> None:
    """Run what the arguments of an interpreter ask for."""
    while arguments[0] not in ('-c', '-m') and arguments[0].startswith('-'):
        option, *arguments = arguments
        if option == '-u':
            sys.stdout.reconfigure(write_through=True)
        elif option.startswith('-W'):
            warnings.simplefilter('ignore')
            arguments = arguments[option == '-W' :]
    if arguments[0] == '-m':
        sys.argv = arguments[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
    elif arguments[0] == '-c':
        sys.argv = ['-c', *arguments[2:]]
        sys.path.insert(0, '')
        sys.modules['__main__'] = main = types.ModuleType('__main__')
        exec(compile(arguments[1], '<string>', 'exec'), vars(main))
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name='__main__')


def end(code: int) -> None:
    """End a process without taking what it has imported apart, as multiprocessing does.

    It shares that memory with others: to change it is to copy it.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream and not stream.closed:
            stream.flush()
    os._exit(code)


def import_modules(names: list[str]) -> None:
    """Import modules; warnings and filters of theirs are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for name in names:
            importlib.import_module(name)


def main() -> None:
    # The folders of the tests and of this file, which this process alone has.
    ours = [str(CLIENT.parent), *os.environ.get('PYTHONPATH', '').split(os.pathsep)]
    everywhere = sys.path[:]
    sys.path[:] = [path for path in sys.path if path not in ours]
    import_modules(MODULES)
    for name in OPTIONAL:
        with contextlib.suppress(ImportError):
            import_modules([name])
    leave_configs_unformatted()
    mine, other = (socket.socket(fileno=int(file)) for file in sys.argv[1:])
    if not os.fork():
        mine, other = other, mine
    else:
        found, sys.path[:] = sys.path[:], everywhere
        import_modules(PACKAGE)
        sys.path[:] = found
    other.close()
    gc.freeze()
    asked = wait_for_client(mine)
    become(asked)
    code = 0
    try:
        run(asked['arguments'])
    except SystemExit as error:
        if not isinstance(error.code, int | None):
            raise
        code = error.code or 0
    end(code)


if __name__ == '__main__':
    main()
