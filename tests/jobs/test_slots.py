"""Slots are locks: held by descriptors, across processes, and never by two."""

import subprocess
import sys

import pytest

from cupola.jobs import slots
from cupola.jobs.slots import UNIT, Slots


@pytest.fixture(autouse=True)
def own_slots(home):
    return home


def take(cpus=0, gpus=0, memory=None) -> Slots | str:
    return slots.take([0, 1, 2], [0, 1], 10 * UNIT, (cpus, gpus, memory))


def test_each_gets_slots_of_its_own_until_there_are_none():
    first, second = take(cpus=2), take(cpus=1)
    assert isinstance(first, Slots)
    assert isinstance(second, Slots)
    assert sorted(first.cpus + second.cpus) == [0, 1, 2]
    assert take(cpus=1) == "cpus"
    second.close()
    assert isinstance(take(cpus=1), Slots)


def test_what_is_not_enough_is_named_and_nothing_is_kept():
    assert take(cpus=1, gpus=3) == "gpus"
    assert take(cpus=1, memory=11 * UNIT) == "memory"
    held = take(cpus=3, gpus=2, memory=10 * UNIT)
    assert isinstance(held, Slots)
    assert (held.gpus, held.memory) == ([0, 1], 10 * UNIT)
    assert take(memory=1) == "memory"


def test_who_was_handed_the_descriptors_holds_them_when_the_agent_lets_go():
    held = take(cpus=3)
    assert isinstance(held, Slots)
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    keeper = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=held.descriptors)
    held.close()
    assert take(cpus=1) == "cpus"
    keeper.kill()
    keeper.wait()
    assert isinstance(take(cpus=3), Slots)


def test_lock_files_are_for_all_users(home):
    take(cpus=1)
    path = home / "slots"
    assert path.stat().st_mode & 0o7777 == 0o1777
    assert (path / "cpus").stat().st_mode & 0o777 == 0o666
