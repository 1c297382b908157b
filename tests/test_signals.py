"""The flag that signals set: twice is at once, and what ``nohup`` asked for holds."""

import os
import signal
import subprocess
import sys

import pytest

from losszero_rt.stopping import StopSwitch

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")


def test_a_second_signal_ends_the_process_at_once() -> None:
    program = (
        "import signal, time\n"
        "from losszero_rt.stopping import StopSwitch\n"
        "with StopSwitch(promise='a second signal ends at once') as stop:\n"
        "    print('ready', flush=True)\n"
        "    while not stop.is_set: time.sleep(0.01)\n"
        "    print('asked', flush=True)\n"
        "    while True: time.sleep(1)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == b"asked\n"
            process.send_signal(signal.SIGHUP)
            assert process.wait(timeout=60) == 129
            assert b"a second signal ends at once" in process.stderr.read()
        finally:
            process.kill()


def test_a_signal_that_is_ignored_stays_ignored_and_others_get_their_handlers_back() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    terminating = signal.getsignal(signal.SIGTERM)
    try:
        with StopSwitch() as stop:
            assert signal.getsignal(signal.SIGTERM) != terminating
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.is_set
        assert signal.getsignal(signal.SIGTERM) == terminating
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interrupt_is_heard_though_a_script_had_the_process_ignore_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopSwitch() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop.exit_code == 130
    finally:
        signal.signal(signal.SIGINT, before)
