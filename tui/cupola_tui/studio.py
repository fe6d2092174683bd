"""The app: what all screens share. It owns the bridge, the lists, the memory, the themes and the clipboard."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import PurePath
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.filter import LineFilter, Monochrome, NoColor
from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from cupola.bugs import write_down
from cupola.errors import CupolaError
from cupola_tui import glyphs, keymap, theme
from cupola_tui.actions import Actions
from cupola_tui.keystrokes import KeyDone, Keystrokes
from cupola_tui.lists import Lists
from cupola_tui.live import Bridge, Event
from cupola_tui.plain import clean
from cupola_tui.screens import doing
from cupola_tui.screens.dialog import Dialog
from cupola_tui.screens.main import Main
from cupola_tui.state import Memory
from cupola_tui.thin import ThinDriver


class Studio(App[None], inherit_bindings=False):
    """Cupola on a screen."""

    TITLE = "cupola"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["paint.tcss", "screens/main.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = keymap.bindings("app")
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    ESCAPE_TO_MINIMIZE = False

    class Said(Message):
        """The bridge said something unasked."""

        def __init__(self, event: Event) -> None:
            super().__init__()
            self.event = event

    class Done(Message):
        """An action that nobody waits for any more was answered."""

        def __init__(self, name: str, answer: "Future[Any]") -> None:
            super().__init__()
            self.name, self.answer = name, answer

    def __init__(self, bridge: Bridge, root: str, readonly: bool = False) -> None:
        super().__init__(driver_class=ThinDriver)
        self.bridge = bridge
        self.root = root
        self.readonly = readonly
        self.user = self.parting = ""
        self.lists = Lists(bridge, self._told)
        self.memory = Memory(root)
        self.kept = self.memory.read()
        # What is typed in forms that were left, by verb and records.
        self.left: dict[tuple[str, ...], dict[str, str]] = {}
        self.slow = bool(os.environ.get("SSH_CONNECTION"))
        self.mouse_free = False
        self.keys = Keystrokes(super().on_event, lambda: self.focused or self.screen, self.call_later)
        self._colourless = NoColor()
        self._plain = [glyphs.Plain()] if glyphs.ascii_only() else []
        self._config_faults: list[str] = []
        for one in theme.THEMES:
            self.register_theme(one)
        self._configure()

    def _configure(self) -> None:
        try:
            config = keymap.read_config()
        except ValueError as error:
            config, self._config_faults = {}, [f"{keymap.config_path()}: {error}"]
        keys, wrong = keymap.remapped(config)
        self._config_faults += wrong
        self.set_keymap(keys)
        wanted = self.kept.theme or config.get("theme") or theme.first()
        self.theme = wanted if wanted in self.available_themes else theme.first()

    def get_default_screen(self) -> Main:
        return Main(self.lists, Actions(self.bridge), self.kept, self.root, self.readonly)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Without colours a theme of the terminal's own has none at all. Textual decides that before the theme is known
        and would write the default colours as greys, which of 16 colours are black on black."""
        found = super().get_line_filters()
        if self.native_ansi_color:
            found = [self._colourless if isinstance(one, Monochrome) else one for one in found]
        return [*found, *self._plain]

    @property
    def main(self) -> Main:
        """The screen beneath all others."""
        found = self.screen_stack[0]
        assert isinstance(found, Main)
        return found

    def on_mount(self) -> None:
        if sys.platform != "win32" and not self.is_headless:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.exit, None, 143)
        self.app_resume_signal.subscribe(self, lambda _: self.set_timer(0.1, self.action_redraw))
        self.bridge.listen = self._heard
        self.call_after_refresh(self._begin)

    def _heard(self, event: Event) -> None:
        """Called in the bridge's thread."""
        self.post_message(self.Said(event))

    def _begin(self) -> None:
        """After the first frame: nothing was read before it."""
        self.main.begin()
        for fault in self._config_faults:
            self.notify(clean(fault), severity="warning", markup=False)

    def _told(self, kind: str) -> None:
        for job in self.lists.ended() if kind == "jobs" else ():
            if job.get("user") == (self.user or job.get("user")):
                words = f"{job.get('kind')} {job.get('name') or job.get('id')}: {job.get('status')}"
                self.ring(words, bad=job.get("status") == "Failed")
        if self.is_running and self.screen_stack:
            self.main.took(kind)

    def on_studio_said(self, message: Said) -> None:
        event = message.event
        if "changed" in event:
            self.lists.changed(event["changed"])
            for screen in self.screen_stack:
                if isinstance(screen, Main | Dialog):
                    screen.heard(event["changed"])
        else:
            self.main.reader.heard(event)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What goes wrong in the background is said, never swallowed."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.failed(event.worker.error)

    def failed(self, error: BaseException) -> None:
        """Says what went wrong in the background; in a test a bug of ours fails the test."""
        if self.is_headless and not isinstance(error, CupolaError):
            raise error
        self.complain(error)

    async def ask(self, call: str, **arguments: Any) -> Any:
        """Asks the bridge; raises the CupolaError that it answers."""
        return await asyncio.wrap_future(self.bridge.ask(call, **arguments))

    def hear_of(self, name: str, answer: "Future[Any]") -> None:
        """Says what comes of an action whose form was left, as soon as that is known."""
        answer.add_done_callback(lambda answer: self.post_message(self.Done(name, answer)))

    def on_studio_done(self, message: Done) -> None:
        error = message.answer.exception()
        if error is not None:
            self.failed(error)
        else:
            doing.tell(self, message.name, message.answer.result())
        self.lists.begin("jobs")

    def on_unmount(self) -> None:
        self.memory.settle()

    def remember(self) -> None:
        """Writes down what the screen looks like now."""
        self.memory.write(self.kept)

    def say(self, words: str, severity: str = "information") -> None:
        """A notice at the corner, its words as they are."""
        self.notify(clean(words), severity=severity, markup=False, timeout=4)  # type: ignore[arg-type]

    def complain(self, error: BaseException) -> None:
        """Shows an error in a panel that can be copied; a bug goes to the log and says where that is."""
        from cupola_tui.screens.panel import Panel

        if isinstance(error, CupolaError):
            self.push_screen(Panel.of(error))
        else:
            self.push_screen(
                Panel(
                    "This is a fault of ours",
                    f"{type(error).__name__}: {error}",
                    hint=f"the details are in {write_down(error)}; :log shows it",
                )
            )

    def complain_not(self, name: str, result: Any) -> None:
        """Shows what an action answered, where a notice is too short for it."""
        from cupola_tui.screens.result import Result

        self.push_screen(Result(name, result))

    def show_result(self, command: str, output: str, failed: bool) -> None:
        """Shows what a command said: in a notice when it is a line, else in a panel."""
        from cupola_tui.screens.panel import Panel

        if failed or "\n" in output or len(output) > 70:
            self.push_screen(Panel(command, output or "it failed and said nothing", bad=failed))
        else:
            self.say(f"{command}: {output or 'done'}")

    def action_log(self) -> None:
        """The app's own log: what went wrong and where, the newest at its end."""
        from cupola.bugs import log_path
        from cupola_tui.screens.plainview import PlainView

        try:
            text = log_path().read_text(encoding="utf-8", errors="replace")[-60_000:]
        except OSError:
            text = "Nothing is written in the log."
        self.push_screen(PlainView(text))

    def ring(self, words: str, bad: bool = False) -> None:
        """A job has ended: the bell, the title of the window, and a notice."""
        self.say(words, "error" if bad else "information")
        if self._driver is not None and not self.is_headless:
            self.bell()
            self._driver.write(f"\x1b]2;cupola: {clean(words)}\x07")

    def edit(self, path: str) -> None:
        """Opens a file in $EDITOR; the screen makes room and comes back."""
        import shlex
        import subprocess

        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        try:
            with self.suspend():
                subprocess.run([*shlex.split(editor), path], check=False)
        except (OSError, ValueError) as error:
            self.say(f"{editor}: {error}", "error")
            return
        self.refresh(layout=True)
        for kind in ("datasets", "endpoints"):
            self.lists.refresh(kind)

    def _handle_exception(self, error: Exception) -> None:
        """A bug ends the screen, since what it hit is dead: no traceback, a sentence, and the same view next time."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        self._return_code = 1
        self.parting = (
            f"cupola: a fault of ours ended the screen ({type(error).__name__}); the details are in {write_down(error)}"
        )
        self._close_messages_no_wait()

    # Keys.

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self.keys.take(event)
        else:
            await super().on_event(event)

    def on_key_done(self, message: KeyDone) -> None:
        self.call_later(self.keys.done, message.number)  # after the change of focus that the key asked for

    def push_screen(self, screen: Any, *more: Any, **named: Any) -> Any:
        if isinstance(screen, Screen):
            self.keys.hold()
        return super().push_screen(screen, *more, **named)

    # Keys that work everywhere.

    def action_theme(self) -> None:
        names = theme.CHOICES
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        self.kept.theme = self.theme
        self.remember()
        self.say(f"theme: {self.theme}")

    def release_mouse(self, free: bool) -> None:
        """Gives the mouse to the terminal, so that it selects text, or takes it back."""
        driver: Any = self._driver
        self.mouse_free = free
        if driver is not None and not self.is_headless:
            (driver._disable_mouse_support if free else driver._enable_mouse_support)()

    def copy(self, text: str, what: str = "") -> None:
        """Sends a text to the terminal's clipboard and says so."""
        from cupola_tui import clipboard

        driver = self._driver
        whole = driver is None or self.is_headless or clipboard.send(text, driver.write)
        self._clipboard = text
        self.say(f"{what or 'the text'} sent to your terminal" + ("" if whole else "; only its beginning: it is long"))

    def action_mouse(self) -> None:
        self.release_mouse(not self.mouse_free)
        self.say(
            "the mouse is your terminal's: select text; M takes it back"
            if self.mouse_free
            else "the mouse is Cupola's again"
        )

    def on_resize(self) -> None:
        """A terminal may show anything once its size is another."""
        if isinstance(self._driver, ThinDriver):
            self._driver.forget()

    def action_redraw(self) -> None:
        """Writes the whole screen anew, whatever another program has written over it."""
        self.on_resize()
        self.screen.refresh(layout=True)

    def action_interrupt(self) -> None:
        self.say("q leaves; jobs and endpoints go on")

    def leave(self) -> None:
        """Ends the screen and says what goes on without it."""
        jobs, serving = len(self.lists.open_jobs()), len(self.lists.serving())
        parts = [f"{jobs} job{'s' * (jobs != 1)}"] * bool(jobs) + [f"{serving} endpoint{'s' * (serving != 1)}"] * bool(
            serving
        )
        verb, them = ("goes", "it") if jobs + serving == 1 else ("go", "them")
        self.parting = (
            f"{' and '.join(parts)} {verb} on without this screen; `cupola` shows {them} again" if parts else ""
        )
        if unanswered := ", ".join(sorted(set(self.bridge.under_way()))):
            self.parting = f"{unanswered}: not answered when you left; look whether it was done before you do it again"
        self.exit()
