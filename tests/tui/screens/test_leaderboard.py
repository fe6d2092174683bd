"""What an autopilot has found out, as it is drawn: on its way, at its end, and with texts that are no markup."""

from tests.tui.autopilots import autopilot, board

from cupola_tui.screens import leaderboard
from cupola_tui.screens.pane import Scene

RUN = {"id": "r000000000", "estimator": "Autopilot", "status": "Completed"}


def scene(**more: object) -> Scene:
    return Scene(dict(RUN), {"autopilot": autopilot(**more)}, 78, 40)


def text(lines: list[list[tuple[str, str]]]) -> str:
    return "\n".join("".join(part for part, _ in line) for line in lines)


def test_the_best_candidates_stand_first_and_ties_are_marked() -> None:
    shown = text(leaderboard.ahead(scene()))
    assert "binary: late has two values" in shown
    assert "after 59.4 of 60 s" in shown
    assert "◆ light [b]shallow[/b]" in shown
    assert "= extreme" in shown
    assert "55% of the ensemble" in shown
    assert "and 2 more" in shown


def test_one_that_has_just_begun_has_no_leaderboard_yet() -> None:
    begun = scene(leaderboard=[], advice=[], importance=[], groups=[], stop_reason="", seconds=0.2)
    assert leaderboard.table(begun) is None
    assert "Leaderboard" not in text(leaderboard.ahead(begun))
    assert leaderboard.findings(begun) == []


def test_enter_leads_to_the_run_of_a_candidate() -> None:
    listing = leaderboard.table(scene())
    assert listing is not None
    assert listing.leads is not None
    assert listing.leads(listing.records[1]) == ("experiments", "r000000003")
    cells = {column.key: column.draw(listing.records[6]) for column in listing.columns}
    assert "\x1b" not in str(cells)


def test_findings_say_what_is_missing_what_matters_and_where_the_errors_are() -> None:
    shown = text(leaderboard.findings(scene()))
    for said in ("more rows would help", "hour", "0.051", "hour = 17 to 23: roc_auc 0.7900, of all 0.8644 (580 rows)"):
        assert said in shown


def test_another_run_has_none_of_it() -> None:
    other = Scene({"id": "r1", "estimator": "Ridge"}, {}, 78, 40)
    assert leaderboard.asks(other.record) == {}
    assert leaderboard.ahead(other) == leaderboard.findings(other) == []
    assert leaderboard.table(other) is None
    assert len(board()) == 8
