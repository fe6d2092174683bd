import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupola_tui.widgets.loglines import LogLines, parse


def test_a_progress_bar_shows_its_last_state() -> None:
    assert parse("10%\r50%\r100%").text == "100%"
    assert parse("done\r").text == "done"


def test_colours_stay_and_every_other_escape_goes() -> None:
    line = parse("\x1b[1;31merror\x1b[0m at \x1b[38;5;33mhere\x1b[K\x1b]0;evil\x07 \x1b[2J!")
    assert line.text == "error at here !"
    assert line.pieces[0][1] is not None and line.pieces[0][1].bold and line.pieces[0][1].color is not None
    assert line.pieces[1][1] is None


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_no_log_writes_to_the_terminal(text: str) -> None:
    assert parse(text.replace("\n", "")).text.isprintable()


def test_memory_is_bounded_and_the_newest_lines_stay() -> None:
    log = LogLines(most=100)
    for number in range(1000):
        log.add(f"line {number}\n")
    assert len(log.lines) == 100 and log.lines[-1].text == "line 999" and log.dropped == 900


def test_a_bar_that_rewrites_one_line_for_hours_takes_no_memory() -> None:
    log = LogLines()
    for number in range(20_000):
        log.add(f"\rstep {number} of 20000 {'#' * 40}")
    assert len(log.partial) < 10_000
    assert log.shown()[-1].text.startswith("step 19999")


def test_a_line_that_comes_in_parts_is_one_line() -> None:
    log = LogLines()
    assert log.add("half a ") == 0
    assert log.add("line\nnext") == 1
    assert [line.text for line in log.shown()] == ["half a line", "next"]


@pytest.mark.parametrize("stamp", ["2026-11-25T09:59:47Z ", "[2026-11-25 09:59:47,123] "])
def test_times_can_be_left_out(stamp: str) -> None:
    log = LogLines()
    log.add(f"{stamp}\x1b[32mfitting\x1b[0m\n")
    assert log.shown(times=False)[0].text == "fitting"
    assert log.shown()[0].text == stamp + "fitting"


def test_warnings_and_errors_alone() -> None:
    log = LogLines()
    log.add("fine\nWARNING: odd\nTraceback (most recent call last):\nreading\n")
    assert [line.text for line in log.shown(alarms=True)] == ["WARNING: odd", "Traceback (most recent call last):"]
