import errno
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cupola.errors import Conflict, DiskFull, DiskTrouble, ReadOnly
from cupola.store import Store, claims, content, files

HOLD = """
import sys, time
from cupola.store import Store, claims
store = Store.open(sys.argv[1])
claim = claims.take(store, "job")
print(claim.number, flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(store: Store) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the claim "job"."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(store.root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "1\n"
    yield process
    process.kill()
    process.wait()


class Clock:
    """Stands in for the `time` module, for one process: time passes when somebody sleeps or lets it pass."""

    CLOCK_BOOTTIME = 7

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def clock_gettime(self, _: int) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(claims, "time", made)
    return made


def another(store: Store) -> Store:
    """The store as another process has it, which has watched nothing yet."""
    return Store.open(store.root)


def test_one_has_it_and_the_next_gets_the_next_number(store: Store) -> None:
    first = claims.take(store, "job")
    assert first is not None and first.number == 1 and first.may_write()
    assert claims.take(store, "job") is None
    claims.release(store, first)
    second = claims.take(store, "job")
    assert second is not None and second.number == 2


def test_claims_of_different_names_do_not_meet(store: Store) -> None:
    assert claims.take(store, "jobs/a") and claims.take(store, "jobs/b") and claims.take(store, "jobs")


def test_the_current_claim_is_the_highest(store: Store) -> None:
    assert claims.current(store, "job") is None and not claims.is_held(store, "job")
    for number in (1, 2, 3):
        mine = claims.take(store, "job")
        assert mine is not None
        found = claims.current(store, "job")
        assert found is not None and (found.number, found.nonce, found.released) == (number, mine.nonce, False)
        assert claims.is_held(store, "job")
        claims.release(store, mine)
        assert not claims.is_held(store, "job")


def test_a_claim_that_is_renewed_outlives_its_lease(store: Store, clock: Clock) -> None:
    mine, theirs = claims.take(store, "job"), another(store)
    assert mine is not None
    for _ in range(10):
        clock.sleep(4)
        assert claims.take(theirs, "job") is None
        assert claims.renew(store, mine)


def test_a_counter_that_stands_still_for_the_lease_is_a_dead_owner(
    store: Store, clock: Clock, holder: "subprocess.Popen[str]"
) -> None:
    assert claims.take(store, "job") is None
    clock.sleep(9.9)
    assert claims.take(store, "job") is None and claims.is_held(store, "job")
    assert claims.take(another(store), "job") is None
    clock.sleep(0.2)
    assert not claims.is_held(store, "job")
    assert claims.take(another(store), "job") is None, "it has not seen the counter stand still itself"
    mine = claims.take(store, "job")
    assert mine is not None and mine.number == 2


def test_on_a_network_mount_the_lease_is_longer(distant: Store, clock: Clock, holder: "subprocess.Popen[str]") -> None:
    assert claims.take(distant, "job") is None
    clock.sleep(89)
    assert claims.take(distant, "job") is None
    clock.sleep(2)
    assert claims.take(distant, "job") is not None


def test_an_owner_on_this_host_that_was_killed_is_dead_at_once(store: Store, holder: "subprocess.Popen[str]") -> None:
    assert claims.take(store, "job") is None
    holder.kill()
    holder.wait()
    mine = claims.take(store, "job")
    assert mine is not None and mine.number == 2


def test_an_owner_on_another_host_is_not_looked_up_here(
    store: Store, monkeypatch: pytest.MonkeyPatch, holder: "subprocess.Popen[str]"
) -> None:
    holder.kill()
    holder.wait()
    monkeypatch.setenv("CUPOLA_HOST", "elsewhere")
    assert claims.take(store, "job") is None


def test_an_owner_that_cannot_renew_for_half_the_lease_stops_writing(store: Store, clock: Clock) -> None:
    mine = claims.take(store, "job")
    assert mine is not None and mine.may_write()
    clock.sleep(4.9)
    assert mine.may_write()
    clock.sleep(0.2)
    assert not mine.may_write()
    assert claims.renew(store, mine) and mine.may_write()


def test_an_owner_that_was_outlived_is_told_so(store: Store, clock: Clock) -> None:
    mine, theirs = claims.take(store, "job"), another(store)
    assert mine is not None and claims.take(theirs, "job") is None
    clock.sleep(10)
    other = claims.take(theirs, "job")
    assert other is not None
    assert not claims.renew(store, mine) and not mine.may_write()
    assert claims.renew(theirs, other)
    claims.release(store, mine)
    assert claims.is_held(another(store), "job")


def test_a_renewal_that_fails_leaves_the_time_running(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = claims.take(store, "job")
    assert mine is not None
    renewed = mine.renewed

    def full(*_: object, **__: object) -> None:
        raise DiskTrouble("the disk is full")

    monkeypatch.setattr(claims, "write_bytes", full)
    with pytest.raises(DiskTrouble):
        claims.renew(store, mine)
    assert mine.renewed == renewed


def test_a_claim_that_could_not_be_made_to_last_is_in_nobodys_way(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: int) -> None:
        monkeypatch.undo()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(content, "sync_directory", fails)
    with pytest.raises(DiskFull):
        claims.take(store, "job")
    assert claims.take(store, "job")


def test_held_waits_for_its_turn_and_gives_it_back(store: Store) -> None:
    with claims.held(store, "edit/a") as first, claims.held(store, "edit/b"):
        assert first.number == 1 and claims.take(store, "edit/a") is None
    with claims.held(store, "edit/a") as second:
        assert second.number == 2


def test_held_waits_for_a_dead_owner_to_be_called_dead(
    store: Store, clock: Clock, holder: "subprocess.Popen[str]"
) -> None:
    with claims.held(store, "job") as mine:
        assert mine.number == 2 and clock.now >= 1010


def test_held_gives_up_on_an_owner_that_goes_on_and_on(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = claims.take(store, "edit/a")
    assert mine is not None
    real = clock.sleep
    monkeypatch.setattr(clock, "sleep", lambda _: (real(1), claims.renew(store, mine)))
    with pytest.raises(Conflict, match="somebody else"), claims.held(another(store), "edit/a"):
        pass


def test_old_claims_go_and_the_last_stay(store: Store) -> None:
    for _ in range(20):
        with claims.held(store, "edit/a") as mine:
            pass
    assert mine.number == 20
    left = files.listing(store, ".cupola/claims/edit/a")
    assert {name[:8] for name in left} == {f"{n:08d}" for n in range(13, 21)}


def test_a_claim_made_long_after_its_turn_is_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(20):
        with claims.held(store, "job"):
            pass
    real = claims.current
    early = real(store, "job")
    assert early is not None
    early.owner.number = 3
    monkeypatch.setattr(claims, "current", lambda *_: early)
    assert claims.take(store, "job") is None
    monkeypatch.setattr(claims, "current", real)
    mine = claims.take(store, "job")
    assert mine is not None and mine.number == 21


def test_a_listing_too_old_to_be_true_is_asked_for_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = claims.take(store, "job")
    assert mine is not None
    late = [[7], [7], [1]]
    monkeypatch.setattr(claims.Series, "numbers", lambda *_: late.pop(0))
    found = claims.current(store, "job")
    assert found is not None and found.number == 1


def test_numbers_are_given_once(store: Store) -> None:
    assert [claims.take_number(store, "models/churn") for _ in range(3)] == [1, 2, 3]
    assert claims.take_number(store, "models/other") == 1
    files.make_dir(store, "models/churn/7-abcd")  # came with a copy that was merged
    assert claims.take_number(store, "models/churn") == 8
    (store.root / "models/churn/7-abcd").rename(store.root / "gone")
    assert claims.take_number(store, "models/churn") == 9


def test_a_store_opened_for_reading_claims_nothing(store: Store) -> None:
    reading = Store.open(store.root, readonly=True)
    with pytest.raises(ReadOnly):
        claims.take(reading, "job")
    with pytest.raises(ReadOnly):
        claims.take_number(reading, "models/churn")
    assert claims.current(reading, "job") is None
