"""Stands for a process of ``fast_python``: hands on signals, and ends as it does."""

import json
import os
import signal
import socket
import sys

address, executable, *arguments = sys.argv[1:]
HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


def inherited():
    """Open files of this process."""
    for number in sorted(map(int, os.listdir('/proc/self/fd'))):
        try:
            os.fstat(number)
        except OSError:
            continue
        yield number


files = list(inherited())
server = socket.socket(socket.AF_UNIX)
server.connect(address)
asked = dict(
    arguments=arguments,
    environment=dict(os.environ),
    executable=executable,
    files=files,
    folder=os.getcwd(),
)
socket.send_fds(server, [json.dumps(asked).encode()], files)
process = int.from_bytes(server.recv(4, socket.MSG_WAITALL), 'big')
for number in HANDED_ON:
    signal.signal(number, lambda number, _: os.kill(process, number))
code = int.from_bytes(server.recv(4, socket.MSG_WAITALL), 'big', signed=True)
if code < 0:
    if -code in HANDED_ON:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
