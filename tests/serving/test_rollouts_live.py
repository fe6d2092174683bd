"""Changes of a real endpoint under load: what moves, what is rolled back, and that no request fails."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import msgspec
import pytest

from cupola.errors import NotReady, Refused, WorkFailed
from cupola.serving import course, records
from cupola.serving.records import EndpointState
from cupola.store import runtime
from cupola.workspace import Workspace

from .conftest import settled, until

ROW = {"dataframe_records": [{"distance": 812.25, "hour": 17, "carrier": "AA", "wet": True}]}
CSV = "distance,hour,carrier,wet\n812.25,17,AA,true\n"
LINES = '{"distance": 812.25, "hour": 17, "carrier": "AA", "wet": true}\n'


def parquet() -> bytes:
    import io

    import pandas as pd

    file = io.BytesIO()
    pd.DataFrame(ROW["dataframe_records"]).to_parquet(file)
    return file.getvalue()


CONTENTS = [
    ("application/json", msgspec.json.encode(ROW)),
    ("text/csv", CSV.encode()),
    ("application/jsonlines", LINES.encode()),
    ("application/x-parquet", parquet()),
]
Keep = Callable[[str], int]


class Load:
    """Clients that ask without a pause, kept connections and new ones, and count what they get."""

    def __init__(self, url: str, clients: int = 4) -> None:
        self.url = url
        self.stop = threading.Event()
        self.answered: Counter[str] = Counter()
        self.rounds: Counter[int] = Counter()
        self.failed: list[str] = []
        self.failed_from: list[float] = []  # when each of these was begun
        self.refused: list[float] = []
        self.threads = [threading.Thread(target=self._ask, args=(number,), daemon=True) for number in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        until(lambda: sum(self.answered.values()) >= len(self.threads))
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, number: int) -> None:
        media, body = CONTENTS[number % len(CONTENTS)]
        kept = httpx.Client(timeout=180)
        while not self.stop.is_set():
            begun = time.monotonic()
            try:
                one = kept if number % 4 else httpx
                answer = one.post(f"{self.url}/invocations", content=body, headers={"content-type": media}, timeout=180)
            except httpx.ConnectError:
                self.refused.append(time.monotonic())
                time.sleep(0.01)
                continue
            except httpx.HTTPError as error:
                self.failed_from.append(begun)
                self.failed.append(repr(error))
                continue
            if answer.status_code != 200:
                self.failed_from.append(begun)
                self.failed.append(answer.text)
            self.answered[answer.headers.get("x-amzn-invoked-production-variant", "")] += 1
            self.rounds[number] += 1
            time.sleep(0.002)

    def lost_since(self, moment: float) -> list[str]:
        """What failed of all that was begun after it."""
        return [lost for lost, begun in zip(self.failed, self.failed_from, strict=True) if begun > moment]

    def more(self, count: int = 40) -> None:
        """Waits for so many more answers, and for two at least of each client: the second was asked for since."""
        so_far, each = sum(self.answered.values()), Counter(self.rounds)
        until(lambda: sum(self.answered.values()) >= so_far + count)
        until(lambda: all(self.rounds[one] >= each[one] + 2 for one in range(len(self.threads))))


@pytest.fixture
def state(ws: Workspace, keep: Keep, registered: list[str]) -> EndpointState:
    ws.action("endpoint deploy", model="late@1", name="e")
    keep("e")
    return settled(ws)


def shown(ws: Workspace) -> Any:
    return records.find(ws.store, "e")


def ended(ws: Workspace, status: str) -> Callable[[], Any]:
    def look() -> Any:
        found = shown(ws)
        return found.rollout and found.rollout.status == status and found.status in ("InService", status) and found

    return look


def test_weights_and_removal_restart_nothing_and_shadows_promotion_and_rollback_lose_no_request(
    ws: Workspace, state: EndpointState, registered: list[str]
) -> None:
    with Load(str(state.url)) as load:
        ws.action("endpoint update", endpoint="e", variant={"old": "late@1:1", "new": "late@2:0"})
        settled(ws)
        until(lambda: load.answered["old"])
        load.more()
        assert not load.answered["new"]
        pids = shown(ws).pids
        ws.action("endpoint weights", endpoint="e", variant={"old": "0", "new": "1"})
        settled(ws)
        load.more(10)
        so_far = load.answered["old"]
        load.more()
        assert load.answered["old"] == so_far
        ws.action("endpoint remove", endpoint="e", variant="old")
        settled(ws)
        assert set(shown(ws).pids) == set(pids)
        ws.action("endpoint update", endpoint="e", model="late@1", rollout="SHADOW")
        settled(ws)
        report = until(lambda: (found := shown(ws).shadows) and found[0].rows > 20 and found[0])
        assert report.different and report.examples and not report.errors
        assert report.p50_ms and report.served_p50_ms
        ws.action("endpoint promote", endpoint="e")
        settled(ws)
        load.more()
        assert [(one.name, one.model) for one in shown(ws).variants] == [("new", registered[0])]
        assert not load.answered["shadow"], "it answers in the place of the one that did"
        ws.action("endpoint rollback", endpoint="e")
        back = settled(ws)
        assert {one.name: bool(one.shadow) for one in back.variants} == {"new": False, "shadow": True}
        load.more()
    assert load.failed == [] and load.refused == []


@pytest.mark.parametrize(
    ("bad", "alarm"),
    [("Failing", "error_rate > 5%"), ("Slow", "p99_ms > 200"), ("Nonsense", "drift > 0.2"), ("Dying", "")],
)
def test_a_canary_that_is_bad_is_rolled_back_and_says_why(
    ws: Workspace, state: EndpointState, registered: list[str], publish_bad: Callable[[str], str], bad: str, alarm: str
) -> None:
    publish_bad("Good")
    ref = publish_bad(bad)
    ws.action("endpoint update", endpoint="e", model="late@3", rollout="ALL_AT_ONCE")
    settled(ws)
    with Load(str(state.url), clients=3) as load:
        options = {"endpoint": "e", "model": ref, "rollout": "CANARY", "share": 0.4, "bake": "1h", "alarm": [alarm]}
        ws.action("endpoint update", **options)
        after = until(ended(ws, "RolledBack"))
        moved = time.monotonic()
        load.more()
    assert alarm.partition(" ")[0] in after.rollout.reason if alarm else "SIGABRT" in after.rollout.reason
    assert after.update_failed and "goes on" in after.reason
    assert [one.model for one in after.variants] == ["late@3-" + after.variants[0].model.partition("-")[2]]
    assert load.lost_since(moved) == [] and load.refused == []
    if bad in ("Slow", "Nonsense"):
        assert load.failed == []
    with pytest.raises(WorkFailed, match="rolled back"):
        settled(ws)


@pytest.mark.parametrize("strategy", ["LINEAR", "ROLLING"])
def test_a_change_step_by_step_loses_no_request(ws: Workspace, state: EndpointState, strategy: str) -> None:
    ws.action("endpoint update", endpoint="e", workers=2)
    before = settled(ws)
    shares, most = [], 0
    with Load(str(state.url)) as load:
        options = {"endpoint": "e", "model": "late@2", "rollout": strategy, "share": 0.5, "bake": "1s"}
        ws.action("endpoint update", **options)

        def completed() -> Any:
            nonlocal most
            found = shown(ws)
            most = max(most, len(found.pids))
            if found.rollout:
                shares.append(found.rollout.share)
            return ended(ws, "Completed")()

        after = until(completed)
        load.more()
    assert load.failed == [] and load.refused == []
    assert shares == sorted(shares) and set(shares) <= {0.0, 0.5, 1.0}
    assert [one.share for one in after.rollout.steps] == [0.5, 1.0]
    assert after.rollout.steps[0].since < after.rollout.steps[1].since
    assert most <= (3 if strategy == "ROLLING" else 4)
    assert not set(after.pids) & set(before.pids)
    assert course.read(ws.store, "e").to is None, "a keeper that were killed now would watch the last step again"


def test_a_keeper_that_is_killed_in_a_canary_goes_on_there_and_nobody_is_refused(
    ws: Workspace, keep: Keep, registered: list[str]
) -> None:
    ws.action("endpoint deploy", model="late@1", name="e", workers=2)
    keeper = keep("e")
    state = settled(ws)
    with Load(str(state.url)) as load:
        ws.action("endpoint update", endpoint="e", model="late@2", rollout="CANARY", share=0.2, bake="1h")
        before = until(lambda: (found := shown(ws)).rollout and found.rollout.status == "Baking" and found)
        os.kill(keeper, signal.SIGKILL)
        until(lambda: not records.has_keeper(ws.store, "e"))
        load.more()
        keeper = keep("e")
        until(lambda: not (found := shown(ws)).reason and found.rollout and found.rollout.status == "Baking")
        after = shown(ws)
        assert set(after.pids) == set(before.pids)
        assert (after.rollout.step, after.rollout.share) == (0, 0.2)
        assert after.rollout.started == before.rollout.started
        with pytest.raises(NotReady):
            ws.action("endpoint weights", endpoint="e", variant={"AllTraffic": "1"})
        ws.action("endpoint promote", endpoint="e")
        until(ended(ws, "Completed"))
        assert load.failed == [] and load.refused == []
        killed = [process for pid in (keeper, *shown(ws).pids) if (process := runtime.of(pid))]
        for process in killed:
            os.kill(process.pid, signal.SIGKILL)
        until(lambda: not any(map(runtime.alive, killed)))
        gone = time.monotonic()
        keep("e")
        until(lambda: (found := shown(ws)).status == "InService" and not found.reason)
        load.more()
    assert [one.model for one in shown(ws).variants] == [registered[1]]
    # Until the last of them has ended its queue takes connections: a client may lose more than one there.
    assert load.lost_since(gone) == []


def test_a_change_is_rolled_back_by_hand_while_it_moves_and_after(ws: Workspace, state: EndpointState) -> None:
    first = state.variants[0].model
    with pytest.raises(Refused):
        ws.action("endpoint rollback", endpoint="e")
    with Load(str(state.url)) as load:
        ws.action("endpoint update", endpoint="e", model="late@2", rollout="CANARY", share=0.5, bake="1h")
        until(lambda: (found := shown(ws)).rollout and found.rollout.status == "Baking" and len(found.variants) == 2)
        ws.action("endpoint rollback", endpoint="e")
        settled(ws)
        after = shown(ws)
        assert after.rollout.status == "RolledBack" and [one.model for one in after.variants] == [first]
        assert not after.update_failed
        ws.action("endpoint update", endpoint="e", model="late@2", rollout="ALL_AT_ONCE")
        second = settled(ws)
        assert [one.model for one in second.variants] != [first]
        ws.action("endpoint rollback", endpoint="e")
        back = settled(ws)
        assert [one.model for one in back.variants] == [first]
        load.more()
    assert load.failed == [] and load.refused == []


def test_a_rollback_that_cannot_be_had_says_so_and_what_serves_goes_on(ws: Workspace, state: EndpointState) -> None:
    ws.action("endpoint update", endpoint="e", model="late@2")
    served = settled(ws)
    next(ws.root.glob("models/late/1-*/sample.json")).write_text("[]")
    ws.action("endpoint rollback", endpoint="e")
    with pytest.raises(WorkFailed, match="cannot be had"):
        settled(ws)
    after = shown(ws)
    assert after.status == "UpdateRollbackFailed" and after.pids == served.pids
    assert "probabilities" not in httpx.post(f"{state.url}/invocations", json=ROW, timeout=180).json()
    ws.action("endpoint update", endpoint="e", model="late@2")
    assert settled(ws).status == "InService"


def test_a_logged_metric_raises_an_alarm(ws: Workspace, state: EndpointState) -> None:
    alarms = ["metrics.complaints >= 3"]
    ws.action("endpoint update", endpoint="e", model="late@2", rollout="CANARY", share=0.5, bake="1h", alarm=alarms)
    until(lambda: (found := shown(ws)).rollout and found.rollout.status == "Baking")
    ws.action("endpoint metric", endpoint="e", value={"complaints": "2"})
    until(lambda: (found := shown(ws).alarms) and found[0].status == "OK")
    ws.action("endpoint metric", endpoint="e", value={"complaints": "3"})
    assert "metrics.complaints" in until(ended(ws, "RolledBack")).rollout.reason


def restarted(ws: Workspace, times: int) -> bool:
    found = shown(ws)
    return bool(found.restarts == times and found.workers_ready == 2)


def test_killed_servers_fail_only_what_they_had_and_are_not_given_up(ws: Workspace, state: EndpointState) -> None:
    ws.action("endpoint update", endpoint="e", workers=2)
    settled(ws)
    with Load(str(state.url)) as load:
        for number in range(1, 7):
            os.kill(shown(ws).pids[0], signal.SIGKILL)
            until(partial(restarted, ws, number))
        load.more()
    assert shown(ws).status == "InService" and load.refused == []
    assert len(load.failed) <= 6 * len(load.threads)


def test_more_servers_come_while_requests_wait(ws: Workspace, state: EndpointState, publish_bad: Any) -> None:
    publish_bad("Good")
    ws.action("endpoint update", endpoint="e", model=publish_bad("Slow"), rollout="ALL_AT_ONCE")
    settled(ws)
    ws.action("endpoint update", endpoint="e", max_workers=2)
    with Load(str(state.url), clients=6) as load:
        until(lambda: shown(ws).workers_ready == 2)
        ws.action("endpoint update", endpoint="e", max_workers=1)
        until(lambda: (found := shown(ws)).workers_ready == 1 and len(found.pids) == 1)
        load.more(10)
    assert load.failed == [] and load.refused == []
