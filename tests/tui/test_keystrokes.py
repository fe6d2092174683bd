"""The keys that wait for the one before."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from textual.events import Key

from cupola_tui import keystrokes
from cupola_tui.keystrokes import Keystrokes


class Target:
    """Takes keys, and never says that it is done with one."""

    is_running = True

    def __init__(self) -> None:
        self.got: list[str] = []
        self.posted: list[Any] = []

    def post_message(self, message: Any) -> bool:
        self.posted.append(message)
        return True


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr(keystrokes, "LOOK", 0.01)
    return Target()


@pytest.fixture
def keys(target: Target) -> Keystrokes:
    async def passed(event: Any) -> None:
        target.got.append(event.key)

    def soon(call: Callable[..., Any], *more: Any) -> None:
        if asyncio.iscoroutine(awaited := call(*more)):
            calls.append(asyncio.ensure_future(awaited))

    calls: list[Any] = []
    return Keystrokes(passed, lambda: target, soon)  # type: ignore[arg-type, return-value]


async def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 180
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def stand_still() -> None:
    """As a process does that gets no CPU for much longer than keys wait; then a little of it."""
    time.sleep(0.3)
    for _ in range(3):
        await asyncio.sleep(0)


async def test_no_key_overtakes_the_one_before_because_the_process_stood_still(
    keys: Keystrokes, target: Target
) -> None:
    for one in "ab":
        await keys.take(Key(one, one))
    await stand_still()
    assert target.got == ["a"]
    await keys.done(target.posted[0].number)
    assert target.got == ["a", "b"]


async def test_what_was_typed_for_a_form_that_does_not_open_is_for_nobody(
    keys: Keystrokes, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keystrokes, "PAUSE", 1000.0)
    keys.hold()
    await keys.take(Key("x", "x"))
    keys.refuse()
    keys.release()
    for key, character in (("y", "y"), ("enter", "\r"), ("D", "D"), ("down", None), ("j", "j")):
        await keys.take(Key(key, character))
    await keys.done(target.posted[0].number)
    assert target.got == ["down", "j"], "what is no text is meant for the screen, and so is all that follows"


async def test_no_key_comes_before_what_it_is_meant_for_because_the_process_stood_still(
    keys: Keystrokes, target: Target
) -> None:
    keys.hold()
    await keys.take(Key("a", "a"))
    await stand_still()
    assert target.got == []
    keys.release()
    await until(lambda: target.got == ["a"])


@pytest.mark.parametrize("gone", [True, False])
async def test_keys_go_on_after_one_that_nobody_says_is_done(keys: Keystrokes, target: Target, gone: bool) -> None:
    target.is_running = not gone
    for one in "ab":
        await keys.take(Key(one, one))
    await until(lambda: target.got == ["a", "b"])


async def test_keys_go_on_when_what_they_wait_for_never_comes(keys: Keystrokes, target: Target) -> None:
    keys.hold()
    await keys.take(Key("a", "a"))
    await until(lambda: target.got == ["a"])
