import threading
import time

import pytest

from mmseg_coop.deployment.export.time_limit import time_limit


def spin(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_what_takes_too_long_is_ended():
    start = time.monotonic()
    message = r'not done within 0\.1 s'
    with pytest.raises(TimeoutError, match=message), time_limit(0.1):
        spin(20)
    assert time.monotonic() - start < 10


def test_an_alarm_that_is_swallowed_comes_again():
    with pytest.raises(TimeoutError), time_limit(0.1):
        try:
            spin(20)
        except TimeoutError:
            spin(20)


def test_nothing_comes_afterwards():
    with time_limit(0.2):
        pass
    spin(0.4)


def test_other_threads_have_no_limit():
    ended = []

    def run() -> None:
        with time_limit(0.01):
            spin(0.1)
        ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended
