"""The app on a stand-in for the workspace, with its clock, its names and its terminal pinned."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tests.tui.double import NOON, Double
from textual.pilot import Pilot

from cupola_tui import figures
from cupola_tui.studio import Studio

Settled = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]


@pytest.fixture(autouse=True)
def pinned(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One clock, one terminal, no colours switched off, no slow link."""
    monkeypatch.setattr(figures, "now", lambda: NOON)
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
        for _ in range(400):
            if holds():
                return
            await pilot.pause(0.025)
        raise AssertionError("it never came to hold")

    return wait
