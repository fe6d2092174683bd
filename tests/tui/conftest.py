"""The app on a stand-in for the workspace, with its clock, its names and its terminal pinned."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.tui.double import Double
from tests.tui.examples import NOON
from textual.app import App
from textual.notifications import Notification
from textual.pilot import Pilot

from cupola_tui import figures, keystrokes, state
from cupola_tui.studio import Studio

Settled = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]


async def rest(ahead: float = 0.05) -> None:
    """Waits until nothing in this loop can run, and nothing will by the clock within so many seconds; a while at most,
    since what comes every second may take as long on a busy machine. The while is rounds too: a machine that stood
    still for it has let nothing run.

    Textual takes a process that gets no CPU for one that has nothing to do, and would go on while a key is on its way.
    """
    loop: Any = asyncio.get_running_loop()
    deadline, rounds = time.monotonic() + 10, 300
    while time.monotonic() < deadline or rounds > 0:
        rounds -= 1
        await asyncio.sleep(0)
        due = min((one.when() for one in loop._scheduled if not one.cancelled()), default=float("inf")) - loop.time()
        if not loop._ready and due > ahead:
            return
        await asyncio.sleep(0 if loop._ready else max(0.0, due))


@pytest.fixture(autouse=True)
def through(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is begun, pressed, clicked and waited for is through before a test goes on, however slow the machine is."""
    monkeypatch.setattr(keystrokes, "PAUSE", 0.0)
    run, press, pause, wait = App.run_test, Pilot.press, Pilot.pause, Pilot._wait_for_screen

    @asynccontextmanager
    async def begun(app: App[None], **more: Any) -> AsyncIterator[Pilot[None]]:
        async with run(app, **more) as pilot:
            await rest()
            yield pilot

    async def pressed(pilot: Pilot[None], *keys: str) -> None:
        for key in keys:
            await press(pilot, key)
            await rest()

    async def paused(pilot: Pilot[None], delay: float | None = None) -> None:
        await pause(pilot, delay)
        await rest()

    async def waited(pilot: Pilot[None], timeout: float = 180.0) -> bool:
        return await wait(pilot, timeout)

    monkeypatch.setattr(App, "run_test", begun)
    monkeypatch.setattr(Pilot, "_wait_for_screen", waited)
    monkeypatch.setattr(Pilot, "press", pressed)
    monkeypatch.setattr(Pilot, "pause", paused)


@pytest.fixture(autouse=True)
def pinned(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One clock, one terminal, no colours switched off, no slow link; what is said stays, and what is kept is."""
    monkeypatch.setattr(figures, "now", lambda: NOON)
    monkeypatch.setattr(Notification, "time_left", 3600.0)
    monkeypatch.setattr(state, "LAST", 180.0)
    for name in ("NO_COLOR", "SSH_CONNECTION", "TMUX", "LC_ALL", "LC_CTYPE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("LANG", "C.UTF-8")
    yield


@pytest.fixture
def bridge() -> Double:
    return Double()


@pytest.fixture
def studio(bridge: Double, pinned: None) -> Studio:
    return Studio(bridge, "/srv/team/flights")


@pytest.fixture
def settled() -> Settled:
    """Waits until something holds on the screen; fails after a generous while."""

    async def wait(pilot: Pilot[None], holds: Callable[[], object]) -> None:
        await rest()
        deadline = time.monotonic() + 180
        while not holds():
            assert time.monotonic() < deadline, "it never came to hold"
            await pilot.pause(0.025)

    return wait
