"""The whole look: which looks there are, the second look that a finding needs to be believed, and the repair."""

import contextlib
import time
from collections.abc import Callable
from functools import partial

import msgspec

from cupola.checking import history, merged, pipelines, runs, tree, versions, work
from cupola.checking.inspection import Finding, Inspection, Look, aside, clean
from cupola.checking.lines import journals
from cupola.checking.mending import REPAIRED, Bench
from cupola.checking.records import Checked, Mended
from cupola.errors import CupolaError
from cupola.jobs.agents import AgentRecord
from cupola.jobs.wish import QUEUE
from cupola.merging.taking import ASIDE
from cupola.serving.records import Gateway
from cupola.settings import Settings
from cupola.store import Store, claims, files, secret
from cupola.store.records import HISTORY, Record
from cupola.store.root import MARK

OURS = (
    *("datasets", "experiments", "tunings", "models", "jobs", "endpoints", "pipelines", "flows", "schedules"),
    ".cupola",
)
SETTLE = 2.0  # seconds after which what a writer was doing on a local disk is done
SETTLE_NETWORK = 10.0
ROUNDS = 3  # of repair: mending one thing may show another
APART = (files.STAGING, files.TRASH, claims.CLAIMS, REPAIRED, QUEUE, HISTORY)

Progress = Callable[[float, str], None]
Plan = dict[str, Callable[[], Look]]
Findings = dict[str, list[Finding]]


def survey(store: Store, repair: bool, progress: Progress) -> Checked:
    """Looks at everything; with `repair`, mends what can be and looks at that again."""
    here = _Survey(store, progress)
    found = here.confirmed(here.plan())
    checked = Checked(files=here.of.files, bytes=here.of.bytes)
    if repair:
        bench = Bench(store)
        for _ in range(ROUNDS):
            done = [mended for some in found.values() for one in some if (mended := _mend(bench, one))]
            checked.mended += done
            if not done:
                break
            found = here.again(found)
    seen = {(one.kind, one.path, one.message): one for some in found.values() for one in some}
    checked.problems = [one.problem() for one in seen.values() if not one.note]
    checked.notes = [one.problem() for one in seen.values() if one.note]
    checked.ok = not checked.problems
    return checked


def _mend(bench: Bench, one: Finding) -> Mended | None:
    if one.mend is None:
        return None
    try:
        done, kept = one.mend(bench)
    except CupolaError:  # it stays a problem, and the next look says how it stands
        return None
    return Mended(kind=one.kind, path=clean(one.path), message=clean(one.message), done=clean(done), kept=kept)


class _Survey:
    def __init__(self, store: Store, progress: Progress) -> None:
        self.store = store
        self.progress = progress
        self.share = 0.0
        self.of = Inspection(store, lambda path: progress(self.share, path))
        self.known: set[str] = set()

    def confirmed(self, plan: Plan) -> Findings:
        """What two looks, some time apart, both see."""
        first: Findings = {}
        since: dict[str, float] = {}
        for number, (path, look) in enumerate(plan.items()):
            self.share = number / len(plan)
            self.progress(self.share, path)
            if found := self._look(look, path):
                first[path], since[path] = found, time.monotonic()
        self.known |= plan.keys()
        if any(not one.note for some in first.values() for one in some):
            self._settle(first, since)
            return self._second(plan, first)
        return first

    def _second(self, plan: Plan, first: Findings) -> Findings:
        self.of.refresh()
        both = {}
        for path, before in first.items():
            self.progress(self.share, path)
            if same := [one for one in self._look(plan[path], path) if one in before]:
                both[path] = same
        return both

    def again(self, before: Findings) -> Findings:
        """What is left after a repair: of what was wrong, and of what could not be seen before."""
        self.of.refresh()
        plan = self.plan()
        return self.confirmed({path: look for path, look in plan.items() if path in before or path not in self.known})

    def _look(self, look: Callable[[], Look], path: str) -> list[Finding]:
        try:
            return list(dict.fromkeys(look()))
        except CupolaError as error:
            return [Finding("unreadable", error.where or path, error.message)]

    def _settle(self, first: Findings, since: dict[str, float]) -> None:
        mount = self.store.mount
        settle = max(SETTLE_NETWORK, mount.stale_seconds) if mount.network else SETTLE
        self.progress(self.share, "looking again at what may be somebody's work in progress")
        until = max(since[path] + max(settle, one.wait) for path, some in first.items() for one in some if not one.note)
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))

    def plan(self) -> Plan:
        """Every look, by the path that it is about."""
        plan: Plan = {"": self._root}
        for kind in OURS:
            plan[kind] = partial(tree.look, self.of, kind, deep=False)
        self._versions(plan)
        self._deeper(plan, "experiments", runs.run)
        self._deeper(plan, "jobs", work.job)
        for name in self.of.names("tunings"):
            plan[f"tunings/{name}"] = partial(self._directory, "tunings", name, work.tuning)
        for name in self.of.names("endpoints"):
            plan[f"endpoints/{name}"] = partial(self._directory, "endpoints", name, work.endpoint)
        for name in self.of.names("schedules"):
            plan[f"schedules/{name}"] = partial(self._directory, "schedules", name, pipelines.schedule)
        for name in self.of.names("flows"):
            if name.endswith(".toml"):
                plan[f"flows/{name}"] = partial(pipelines.flow, self.of, f"flows/{name}")
        self._pipelines(plan)
        self._own(plan)
        return plan

    def _pipelines(self, plan: Plan) -> None:
        """The files that people write, and beside each what was executed of it."""
        for name in self.of.names("pipelines"):
            path = f"pipelines/{name}"
            if name.endswith((".toml", ".py")):
                plan[path] = partial(pipelines.pipeline, self.of, path)
                continue
            plan[f"{path}/results"] = partial(pipelines.results, self.of, f"{path}/results")
            for one in self.of.names(f"{path}/executions"):
                look = pipelines.execution
                plan[f"{path}/executions/{one}"] = partial(self._directory, f"{path}/executions", one, look)

    def _versions(self, plan: Plan) -> None:
        rooms = {
            "datasets": (versions.dataset, versions.dataset_version),
            "models": (versions.model, versions.model_version),
        }
        for kind, (whole, each) in rooms.items():
            for name in self.of.names(kind):
                plan[f"{kind}/{name}"] = partial(self._directory, kind, name, whole)
                for directory in versions.versions(self.of, f"{kind}/{name}"):
                    plan[directory] = partial(each, self.of, directory)

    def _deeper(self, plan: Plan, kind: str, each: Callable[[Inspection, str], Look]) -> None:
        """Records that lie two levels down: runs by experiment, jobs by month."""
        for name in self.of.names(kind):
            plan[f"{kind}/{name}"] = partial(self._directory, kind, name, _shallow)
            for one in self.of.names(f"{kind}/{name}"):
                plan[f"{kind}/{name}/{one}"] = partial(self._directory, f"{kind}/{name}", one, each)

    def _directory(self, parent: str, name: str, look: Callable[[Inspection, str], Look]) -> Look:
        """A look at a record's directory; a file that stands there is in the way of those who list the records."""
        path = f"{parent}/{name}"
        if not (self.store.root / path).is_file():
            yield from look(self.of, path)
        elif not path.startswith("experiments/"):  # whose readers pass it over
            yield Finding("stray", path, "a file stands where directories of records are: move it away")

    def _root(self) -> Look:
        yield from tree.look(self.of, "", deep=False, only=(*OURS, MARK))
        yield from self.of.toml(MARK, Settings)
        try:
            secret.secret()
        except CupolaError as error:
            yield Finding("unreadable", error.where or "secret", f"your own secret: {error.message}")

    def _own(self, plan: Plan) -> None:
        """What lies in .cupola."""
        of = self.of
        for name in of.names(".cupola"):
            path = f".cupola/{name}"
            plan[path] = partial(tree.look, of, path, deep=path not in APART)
        plan[HISTORY] = partial(tree.look, of, HISTORY, deep=True)
        for path in history.directories(of):
            plan[f"{HISTORY}/{path}"] = partial(history.history, of, path)
        plan[f"{ASIDE}/"] = partial(merged.merged, of)
        for name in of.names(files.STAGING):
            plan[f"{files.STAGING}/{name}"] = partial(tree.staging, of, name)
        for name in of.names(files.TRASH):
            plan[f"{files.TRASH}/{name}"] = partial(_trashed, of, f"{files.TRASH}/{name}")
        for name in of.names(QUEUE):
            plan[f"{QUEUE}/{name}"] = partial(work.wish, of, f"{QUEUE}/{name}")
        for name in of.names(".cupola/notes"):
            plan[f".cupola/notes/{name}"] = partial(journals, of, f".cupola/notes/{name}")
        passing: dict[str, type[Record]] = {"agents": AgentRecord, "gateways": Gateway}
        for kind, record in passing.items():
            for name in of.names(f".cupola/{kind}"):
                path = f".cupola/{kind}/{name}"
                plan[path] = partial(_passing, of, path, record)
        self._claims(plan, claims.CLAIMS)

    def _claims(self, plan: Plan, path: str) -> None:
        """The claims, whose names are paths: each a directory with a file for each time that it was taken."""
        plan[path] = partial(tree.look, self.of, path, deep=False)
        there = self.of.names(path)
        if any(claims.CLAIM_FILE.fullmatch(one) for one in there):
            plan[f"{path}/"] = partial(work.claim, self.of, path.removeprefix(f"{claims.CLAIMS}/"))
        for below in (f"{path}/{one}" for one in there if not one.isdigit()):
            if (self.store.root / below).is_dir():
                self._claims(plan, below)


def _shallow(of: Inspection, path: str) -> Look:
    yield from tree.look(of, path, deep=False)


def _passing(of: Inspection, path: str, kind: type[Record]) -> Look:
    """A record that whoever it is about writes anew."""
    yield from of.record(path, kind, needed=False, mend=aside(path))


def _was_emptied(of: Inspection, path: str) -> bool:
    with contextlib.suppress(CupolaError, msgspec.MsgspecError):
        return bool(msgspec.json.decode(files.read_bytes(of.store, f"{path}/what.json"), type=files.Discarded).emptied)
    return False


def _trashed(of: Inspection, path: str) -> Look:
    """What was removed: it must be possible to bring it back."""
    yield from tree.look(of, path, deep=False)
    there = of.names(path)
    if "content" not in there and _was_emptied(of, path):
        return
    if "content" not in there:
        yield Finding("leftover", path, "it holds nothing: who removed or restored it died", aside(path))
        return
    yield from of.record(f"{path}/what.json", files.Discarded)
