"""Runs: begun, logged to, found and searched by MLflow's clients. Cupola's own runs are seen, and can be tagged."""

import contextlib
import json
import threading
import time
from typing import Any, NamedTuple

import msgspec

from cupola.errors import BadOption, CupolaError, NotFound
from cupola.experiments import histories
from cupola.experiments import records as experiments
from cupola.experiments.records import Latest, Mlflow, Run
from cupola.mlflow import live, naming
from cupola.mlflow.experiments import Asked, Experiment, Experiments, milliseconds, view
from cupola.mlflow.filters import Filter, Order
from cupola.mlflow.live import Line, Live
from cupola.mlflow.seen import GRAMMAR, NAME, Seen, facts_of, pair
from cupola.mlflow.wanted import Batch, Create, Historic, Keyed, Linked, LogMetric, LogModel, OfRun, Search, Update
from cupola.mlflow.wire import MISSING, Json, Pair, Trouble, limit, metric, page, required, without_empty
from cupola.store import Store, digests, feed, files, names, reading, records
from cupola.team import notes

LONGEST_PARAM, LONGEST_TAG = 6000, 8000
MOST = {"metrics": 1000, "params": 100, "tags": 100}
KEPT = 512  # runs whose lines are held in memory
MANY = 100  # records that are read one by one; of more, a cache on the disk may know most
RECORD_EVERY = 2.0  # seconds between two versions of the record of a run that is logged to
NUMBERED = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
MODELS = "mlflow.log-model.history"


class Found(NamedTuple):
    """A run, and where it lies: among the runs, or in the trash under a token."""

    run: Run
    directory: str
    token: str = ""


class Runs:
    """What the requests on runs do. Runs that are logged to are held in memory, as far as their files say."""

    def __init__(self, store: Store, of: Experiments) -> None:
        self.store = store
        self.experiments = of
        self.held: dict[str, Live] = {}
        self.known: dict[str, tuple[list[int], Run]] = {}  # records by place, each with what its file was then
        self.lock = threading.Lock()

    def create(self, asked: Create) -> Json:
        of = self.experiments.active(asked.experiment_id or naming.DEFAULT_ID)
        tags = naming.check_tags(asked.tags, LONGEST_TAG)
        if asked.run_name and tags.get(NAME, asked.run_name) != asked.run_name:
            said = f"(run_name='{asked.run_name}', {NAME}='{tags[NAME]}')"
            raise Trouble(f"Both 'run_name' argument and '{NAME}' tag are specified, but with different values {said}.")
        name = asked.run_name or tags.get(NAME) or names.word_name()
        start = milliseconds() if asked.start_time is None else asked.start_time
        line = live.said_now(
            run_name=name, user=asked.user_id, status="RUNNING", start=start, tags={**tags, NAME: name},
        )  # fmt: skip
        made = self.begin(of, names.new_id(), name, line)
        answer = Seen(made.record).answer()
        del answer["outputs"]
        return {"run": answer}

    def begin(self, of: Experiment, id: str, name: str, line: Line) -> Live:
        """A new run of an experiment."""
        user, host = names.who()
        moment = live.iso(line.start) or names.now()
        run = Run(
            id=id, name=name, experiment=of.directory, status="InProgress", user=user, host=host,
            submitted=moment, started=moment, attempt=1, mlflow=Mlflow(writer=self.store.writer),
        )  # fmt: skip
        made = Live(self.store, run)
        with made.lock:
            made.say([line])
            made.project()
        self._hold(made)
        return made

    def get(self, asked: OfRun) -> Json:
        found = self.find(asked.run)
        run = found.run if found.run.mlflow else self._with_history(found)
        return {"run": Seen(run, bool(found.token)).answer()}

    def update(self, asked: Update) -> Json:
        status = NUMBERED.get(asked.status, asked.status)
        if status and status not in live.STATUSES:
            raise Trouble(f"Invalid value {status[:60]!a} for parameter 'status' supplied")
        tags: dict[str, str | None] = {NAME: asked.run_name} if asked.run_name else {}
        line = live.said_now(status=status, end=asked.end_time, run_name=asked.run_name, tags=tags)
        return {"run_info": Seen(self._say(asked.run, [line])).info}

    def log_metric(self, asked: LogMetric) -> Json:
        line = asked.line
        self._say(required("run_id", asked.run_id or asked.run_uuid), [line])
        return {}

    def log_param(self, asked: Keyed) -> Json:
        self._log(asked.run, [], [Pair(asked.key, asked.value)], [])
        return {}

    def set_tag(self, asked: Keyed) -> Json:
        self._log(asked.run, [], [], [Pair(asked.key, asked.value)])
        return {}

    def delete_tag(self, asked: Keyed) -> Json:
        found = self.find(asked.run)
        if asked.key not in Seen(found.run).tags:
            raise Trouble(f"No tag with name: {asked.key} in run with id {asked.run}", MISSING)
        if found.run.mlflow and asked.key in found.run.mlflow.tags:
            self._say(asked.run, [live.said_now(tags={asked.key: None})])
        else:
            self._untag(found.run, asked.key)
        return {}

    def log_batch(self, asked: Batch) -> Json:
        for what, most in MOST.items():
            count = len(getattr(asked, what))
            if count > most:
                raise Trouble(
                    f"A batch logging request can contain at most {most} {what}. Got {count} {what}. "
                    f"Please split up {what} across multiple requests and try again."
                )
        twice = [one.key for place, one in enumerate(asked.params) if one.key in [p.key for p in asked.params[:place]]]
        if twice:
            raise Trouble(
                f"Duplicate parameter keys have been submitted: {twice}. Please ensure "
                "the request contains only one param value per param key."
            )
        self._log(asked.run, [one.line for one in asked.metrics], asked.params, asked.tags)
        return {}

    def log_inputs(self, asked: Linked) -> Json:
        self._say(asked.run, [live.said_now(inputs=asked.datasets, models=asked.models)])
        return {}

    def log_outputs(self, asked: Linked) -> Json:
        self._say(asked.run, [live.said_now(outputs=asked.models)])
        return {}

    def log_model(self, asked: LogModel) -> Json:
        """What clients before MLflow 3 say of a model: it is added to a tag."""
        try:
            new = msgspec.json.decode(required("model_json", asked.model_json))
            if not isinstance(new, dict):
                raise ValueError
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise Trouble("Malformed model info. It is not valid JSON.") from None
        with self._held(asked.run) as one:
            before = msgspec.json.decode(one.facts.tags.get(MODELS, "[]"))
            value = json.dumps([*before, new])
            one.say([live.said_now(tags={MODELS: value})])
            self._record(one)
        return {}

    def delete(self, asked: OfRun) -> Json:
        found = self.find(asked.run)
        if not found.token:
            self.trash(found.run)
        return {}

    def trash(self, run: Run) -> None:
        """Moves a run to the trash, where its lines and artifacts stay as they are."""
        with self.lock:
            held = self.held.pop(run.id, None)
        if run.mlflow is None and not run.over:
            raise Trouble(f"run {run.id} is under way in Cupola; `cupola job stop` stops it")
        if held:
            with held.lock:
                held.project()
                held.let_go()
        files.trash(self.store, run.directory)
        feed.announce(self.store, "run", run.id, 0)

    def restore(self, asked: OfRun) -> Json:
        found = self.find(asked.run)
        if found.token:
            if self.experiments.find(naming.experiment_id(found.run.experiment)).deleted:
                raise Trouble("its experiment is deleted; restore that first")
            self.untrash(found.run.id, found.token)
        return {}

    def untrash(self, id: str, token: str) -> None:
        """Brings a run back from the trash."""
        files.untrash(self.store, token)
        feed.announce(self.store, "run", id, 0)

    def delete_experiment(self, asked: Asked) -> Json:
        of = self.experiments.active(asked.experiment_id)
        runs = [one.run for one in self._active([of])]
        self.experiments.mark(of, True, [run.id for run in runs])
        for run in runs:
            with contextlib.suppress(NotFound):
                self.trash(run)
        return {}

    def restore_experiment(self, asked: Asked) -> Json:
        of = self.experiments.find(asked.experiment_id)
        if not of.deleted:
            raise Trouble(f"No Experiment with id={of.id} exists", MISSING)
        for one in self.trashed([of]):
            if one.run.id in of.runs:
                self.untrash(one.run.id, one.token)
        self.experiments.mark(of, False, [])
        return {}

    def history(self, asked: Historic) -> Json:
        found = self.find(asked.run)
        key = required("metric_key", asked.metric_key)
        values = [one for one in lines_of(self.store, found.directory) if one.name == key and one.value is not None]
        points = {
            (live.moment_of(one), one.step or 0, float(one.value or 0), one.model, one.dataset, one.digest): one
            for one in values
        }
        ordered = [points[point] for point in sorted(points, key=lambda point: point[:3])]
        shown, token = page(ordered, asked.page_token, asked.max_results or max(1, len(ordered)))
        answers = [
            metric(
                one.name, one.value or 0, live.moment_of(one), one.step or 0,
                **without_empty({"model_id": one.model or None, "dataset_name": one.dataset or None,
                                 "dataset_digest": one.digest or None}),
            )
            for one in shown
        ]  # fmt: skip
        return without_empty({"metrics": answers, "next_page_token": token})

    def search(self, asked: Search) -> Json:
        most = limit(asked.max_results, 1000, 50000)
        wanted, order = Filter(asked.filter, GRAMMAR), Order(asked.order_by, GRAMMAR)
        stages = view(asked.run_view_type)
        known = self.experiments.all()
        of = [known[id] for id in dict.fromkeys(asked.experiment_ids) if id in known]
        seen = [Seen(one.run) for one in self._active(of)] if False in stages else []
        seen += [Seen(one.run, True) for one in self.trashed(of)] if True in stages else []
        found = [one for one in seen if wanted.takes(one)]
        found.sort(key=lambda one: one.run.id)
        if not order.has("attribute", "start_time"):
            found.sort(key=lambda one: one.facts.start or 0, reverse=True)
        shown, token = page(order.sort(found), asked.page_token, most)
        return without_empty({"runs": [one.answer() for one in shown], "next_page_token": token})

    def find(self, id: str) -> Found:
        """Raises Trouble where there is no run of that id."""
        held = self.held.get(id)
        if held:
            with held.lock:
                if (self.store.root / held.record.directory).exists():
                    return Found(held.refresh().amounts(), held.directory)
            self._drop(held)
        experiment = experiments.directories(self.store).get(id)
        if experiment is None:
            for one in self.trashed(None, id):
                return one
            raise Trouble(f"Run with id={id[:100]} not found", MISSING)
        run = experiments.find(self.store, f"{experiment}/{id}")
        if run.mlflow is not None:
            return Found(self._fresh(run), f"{run.directory}/attempts/1")
        return Found(run, experiments.attempt_directory(self.store, run) or run.directory)

    def settle(self) -> bool:
        """Brings the records of runs that are logged to up to date; True while some are not."""
        moment = time.monotonic()
        left = False
        for one in list(self.held.values()):
            with one.lock:
                if self.held.get(one.record.id) is not one:
                    continue
                if one.used > one.written:
                    if moment - one.written >= RECORD_EVERY:
                        with contextlib.suppress(CupolaError):
                            one.project(durable=False)
                    left |= one.used > one.written
        return left

    def _log(self, id: str, metrics: list[Line], params: list[Pair], tags: list[Pair]) -> None:
        given = {naming.check_key(one.key, "key"): one.value[:LONGEST_PARAM] for one in params}
        said: dict[str, str | None] = dict(naming.check_tags(tags, LONGEST_TAG))
        with self._held(id, only_tags=not metrics and not given) as one:
            if one is None:
                self._tag(id, said)
                return
            new = naming.new_params(id, one.params, given)
            lines = [*metrics]
            if new or said:
                lines.append(live.said_now(params=new, tags=said, run_name=said.get(NAME) or ""))
            one.say(lines)
            self._record(one)

    def _say(self, id: str, lines: list[Line]) -> Run:
        with self._held(id) as one:
            one.say(lines)
            return self._record(one)

    def _record(self, one: Live) -> Run:
        """Writes the record where it may not wait: when the run is over, or its state is another."""
        now = one.amounts()
        return one.project() if now.over or now.status != one.record.status else now

    @contextlib.contextmanager
    def _held(self, id: str, only_tags: bool = False) -> Any:
        """A run that MLflow's clients may log to, locked; None for one of Cupola's own that is only tagged."""
        held = self.held.get(id)
        if held is None:
            found = self.find(id)
            if found.token:
                raise Trouble(f"The run {id} must be in the 'active' state. Current state is deleted.")
            if found.run.mlflow is None:
                if not only_tags:
                    raise Trouble(f"run {id} is written by Cupola itself; MLflow's clients may read it and tag it")
                yield None
                return
            held = self._hold(Live(self.store, found.run))
        with held.lock:
            if not (self.store.root / held.record.directory).exists():
                self._drop(held)
                raise Trouble(f"The run {id} must be in the 'active' state. Current state is deleted.")
            try:
                held.refresh()
                yield held
            except CupolaError:
                self._drop(held)  # what the disk did not take is read from it again
                raise

    def _hold(self, one: Live) -> Live:
        with self.lock:
            held = self.held.setdefault(one.record.id, one)
            held.used = time.monotonic()
            spare = sorted(self.held.values(), key=lambda live: live.used)[:-KEPT] if len(self.held) > KEPT else []
        for old in spare:
            with old.lock:
                if old.used > old.written:
                    with contextlib.suppress(CupolaError):
                        old.project(durable=False)
                old.let_go()
            self._drop(old)
        return held

    def _drop(self, one: Live) -> None:
        with self.lock:
            if self.held.get(one.record.id) is one:
                del self.held[one.record.id]

    def _fresh(self, run: Run) -> Run:
        """The run as its lines have it; where it is over, and its record was written, as that has it."""
        held = self.held.get(run.id)
        if held is None:
            if run.over or self._is_written(run):
                return run
            held = self._hold(Live(self.store, run))
        with held.lock:
            now = held.refresh().amounts()
        return msgspec.structs.replace(now, tags=list(dict.fromkeys([*now.tags, *run.tags])), comments=run.comments)

    def _is_written(self, run: Run) -> bool:
        """Whether the record was written after its last line, as far as a local disk tells."""
        if self.store.mount.network:
            return False
        try:
            written = (self.store.root / experiments.path(run)).stat().st_mtime_ns
            attempt = self.store.root / run.directory / "attempts" / "1"
            return all(one.stat().st_mtime_ns < written for one in attempt.glob("metrics*.jsonl"))
        except OSError:
            return False

    def _active(self, of: list[Experiment]) -> list[Found]:
        wanted = {one.directory for one in of if not one.deleted}
        return [Found(self._fresh(run) if run.mlflow else run, "") for run in self._listed(wanted)]

    def _listed(self, wanted: set[str]) -> list[Run]:
        """The runs of experiments, as `run ls` has them. On a local disk only what has changed is read again."""
        if self.store.mount.network:
            return [run for run in experiments.ls(self.store) if run.experiment in wanted]
        of = experiments.directories(self.store)
        places = [f"{experiments.DIRECTORY}/{of[id]}/{id}" for id in of if of[id] in wanted]
        begun = time.time_ns()
        seals = {place: digests.sealed(self.store, [f"{place}/run.json"], begun) for place in places}
        known = {
            place: run
            for place in places
            if (seal := seals[place]) and (old := self.known.get(place)) and old[0] == seal and (run := old[1])
        }
        missing = [place for place in places if place not in known]
        if len(missing) > MANY:
            known = reading.read(self.store, experiments.RUNS, places)
        else:
            known |= {place: new for place in missing if (new := experiments.RUNS.read(self.store, place))}
        self.known |= {place: (seals[place], run) for place, run in known.items()}
        return experiments.page(self.store, known.values(), len(known))

    def trashed(self, of: list[Experiment] | None, id: str = "") -> list[Found]:
        """Runs in the trash: of these experiments, or of that id."""
        wanted = None if of is None else {one.directory for one in of}
        found = []
        for token, what in files.discarded(self.store).items():
            parts = what.path.split("/")
            if len(parts) != 3 or parts[0] != experiments.DIRECTORY or (id and parts[2] != id):
                continue
            if wanted is not None and parts[1] not in wanted:
                continue
            directory = f"{files.TRASH}/{token}/content"
            with contextlib.suppress(CupolaError):
                run = records.read(self.store, f"{directory}/run.json", Run)
                found.append(Found(run, f"{directory}/attempts/{run.attempt or 1}", token))
        return found

    def _with_history(self, found: Found) -> Run:
        """A run of Cupola's own with the step and the time of each metric."""
        facts = facts_of(found.run)
        for line in lines_of(self.store, found.directory):
            if line.name and line.value is not None:
                facts.latest.setdefault(line.name, Latest(line.value, -1, -1))
                live.keep_latest(facts.latest, line)
        return msgspec.structs.replace(found.run, mlflow=facts)

    def _tag(self, id: str, said: dict[str, str | None]) -> None:
        run = self.find(id).run
        for key, value in said.items():
            try:
                word = notes.check_tag(f"{key}={value}" if value else key)
            except BadOption as error:
                raise Trouble(f"run {id} is Cupola's own, whose tags are words: {error}") from None
            self._untag(run, key)
            notes.say(self.store, "run", id, "tag", [word])

    def _untag(self, run: Run, key: str) -> None:
        old = [tag for tag in run.tags if pair(tag)[0] == key]
        if old:
            notes.say(self.store, "run", run.id, "untag", old)


def lines_of(store: Store, directory: str) -> list[Line]:
    """All lines of an attempt, in the order of its files."""
    found = []
    for file in histories.files_of(store, directory):
        with contextlib.suppress(NotFound):
            data = files.read_bytes(store, f"{directory}/{file}")
            found += [line for text in data.splitlines() if (line := live.decoded(text))]
    return found
