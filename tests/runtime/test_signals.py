"""Signals that ask to stop, sent for real to this process."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from compiler.runtime.cli import INTERRUPTED, STATUSES, reporting_faults
from compiler.runtime.signals import Interrupted, Signals


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def defaults() -> None:
    """pytest leaves these as the system has them, and Signals must put them back."""
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_one_breaks_in_and_has_its_status(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop, reporting_faults(), Signals() as signals:
        signals.kept = ("all is kept", "go on")
        send(number)
        pytest.fail("it went on")
    assert stop.value.code == (INTERRUPTED if number == signal.SIGINT else STATUSES["E807"])
    name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    assert capsys.readouterr().err.startswith(f"error[E807]: stopped by {name}: all is kept\n  hint: go on\n")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_held_ones_wait_and_a_second_ctrl_c_does_not() -> None:
    with pytest.raises(Interrupted), Signals() as signals, signals.held():
        send(signal.SIGTERM)
        assert signals.received == signal.SIGTERM
        send(signal.SIGTERM)  # a scheduler that sends it to every process of the group
        raise signals.interrupted()
    with pytest.raises(KeyboardInterrupt), Signals() as signals, signals.held():
        send(signal.SIGINT)
        send(signal.SIGINT)
        pytest.fail("it went on")


def test_work_that_changes_nothing_is_broken_off() -> None:
    done: list[str] = []
    with pytest.raises(Interrupted), Signals() as signals, signals.held():
        with signals.let_in():
            send(signal.SIGTERM)
            done.append("all of it")
        done.append("behind it")
        with signals.let_in():
            done.append("what a signal before it does not stop")
        raise signals.interrupted()
    assert done == ["behind it", "what a signal before it does not stop"]


def test_a_handler_of_the_programs_own_is_left_alone_and_so_are_threads() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: came.append(number))
    try:
        with Signals() as signals:
            send(signal.SIGUSR1)
            assert came == [signal.SIGUSR1] and signals.received is None
    finally:
        signal.signal(signal.SIGUSR1, before)
    failed: list[BaseException] = []

    def enter() -> None:
        try:
            with Signals():
                pass
        except BaseException as error:  # to be looked at outside of the thread
            failed.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert failed == []


def test_a_process_with_several_runs_has_one_for_all_of_them() -> None:
    with pytest.raises(Interrupted, match="of the second"), Signals() as signals:
        for name in ("the first", "the second"):
            with signals:  # as a run enters what it is given
                signals.kept = (f"something of {name}", None)
                with signals.held(), signals.held():
                    pass
                if name == "the second":
                    send(signal.SIGTERM)
                    pytest.fail("it went on")
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
