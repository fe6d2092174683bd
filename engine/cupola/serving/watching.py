"""What the keeper of an endpoint knows of its requests: counts of each variant, shadows' reports, values of alarms."""

import calendar
import time
from collections.abc import Mapping

import msgspec

from cupola.errors import CupolaError
from cupola.registry import baselines
from cupola.registry import records as models
from cupola.registry.baselines import Baseline
from cupola.runtimes.records import Report
from cupola.serving import alarms, course, drifting, records
from cupola.serving.course import Course
from cupola.serving.records import Variant
from cupola.serving.server import Word
from cupola.serving.shadows import Compared
from cupola.serving.status import Alarm, ShadowReport, VariantState
from cupola.serving.tally import WINDOW, Counts, Window, quantile
from cupola.store import Store, journals


class Watch:
    """All that servers have told. `alarms`: as they were judged last."""

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.name = store, name
        self.window = Window()
        self.shadows: dict[str, Compared] = {}
        self.alarms: list[Alarm] = []
        self._baselines: dict[str, tuple[Baseline | None, str | None]] = {}

    def hear(self, word: Word) -> None:
        if word.counts:
            self.window.add(word.counts)
        for key, more in word.shadows.items():
            self.shadows.setdefault(key, Compared()).merge(more)

    def judge(self, now: Course) -> str | None:
        """Looks at the alarms of what moves or is served; the reason when one is raised."""
        endpoint = now.to or now.served
        texts = endpoint.rollout.alarms if endpoint else []
        if endpoint is None or not texts:
            self.alarms = []
            return None
        try:
            wanted = {alarms.rule(text).metric for text in texts}
            self.alarms = alarms.judge(texts, self._values(now, wanted))
        except CupolaError as error:  # edited by hand: an alarm that is none
            self.alarms = [Alarm(alarm=str(error))]
            return None
        return alarms.raised(self.alarms)

    def variants(self, now: Course, runtimes: Mapping[str, Report]) -> list[VariantState]:
        """The variants as they are weighted now, without their traffic. runtimes: how each is run, by its key."""
        moving = now.rollout.status if now.rollout and now.rollout.moving else ""
        found = []
        for one in course.lineup(now):
            side = course.side(now, one)
            state = VariantState(name=one.name, model=one.model, weight=round(one.weight, 9), shadow=one.shadow)
            state.side, state.status = side, moving if side == "after" or moving == "RollingBack" else ""
            if report := runtimes.get(course.key(one)):
                state.runtime, state.why = report.runtime, report.why
            found.append(state)
        return found

    def traffic(self, variants: list[VariantState]) -> None:
        """Gives each variant its traffic."""
        for one in variants:
            one.traffic = self.window.traffic(course.key(_variant(one)))

    def reports(self, now: Course) -> list[ShadowReport]:
        """What is known of each shadow that there is."""
        there = {course.key(one): one for one in course.lineup(now) if one.shadow}
        self.shadows = {key: one for key, one in self.shadows.items() if key in there}
        return [self.shadows.get(key, Compared()).report(one.name, one.model) for key, one in there.items()]

    def restore(self, reports: list[ShadowReport]) -> None:
        """Goes on with the reports of a keeper before this one."""
        for one in reports:
            found = Compared(requests=one.requests, errors=one.errors, skipped=one.skipped, rows=one.rows)
            found.different, found.largest = one.different, one.largest_difference or 0.0
            found.measured = 0 if one.mean_difference is None else one.rows
            found.total = (one.mean_difference or 0.0) * found.measured
            found.examples, found.last_error = one.examples, one.last_error
            self.shadows[f"{one.variant}={one.model}"] = found

    def queue_ms(self, seconds: float) -> float | None:
        """How long requests of the last seconds waited on average before they were worked on; None of no request."""
        found = self.window.counts(since=time.time() - seconds)
        return found.queued / found.requests * 1e3 if found.requests else None

    def _values(self, now: Course, wanted: set[str]) -> dict[str, float | None]:
        """The metrics of the new variants while a change moves, else of all that is served."""
        moving = now.to is not None and now.rollout is not None and now.rollout.moving
        since = max(time.time() - WINDOW, _unix(now.rollout.started) if now.rollout else 0.0)
        watched = [one for one in course.lineup(now) if not one.shadow]
        if moving:
            watched = [one for one in watched if course.side(now, one) == "after"]
        seen, ever, before = Counts(), Counts(), Counts()
        for one in watched:
            seen.merge(self.window.counts(course.key(one), since if moving else 0.0))
            ever.merge(self.window.total(course.key(one)))
        for one in now.served.variants if moving and now.served else []:
            before.merge(self.window.total(course.key(one)))
        enough = seen.requests >= alarms.ENOUGH
        values: dict[str, float | None] = {
            "error_rate": seen.errors / seen.requests if enough else None,
            "fault_rate": seen.faults / seen.requests if enough else None,
            "p50_ms": quantile(seen.buckets, 0.5) if enough else None,
            "p99_ms": quantile(seen.buckets, 0.99) if enough else None,
            "queue_ms": seen.queued / seen.requests * 1e3 if enough else None,
            "rps": seen.requests / max(1.0, time.time() - since),
            "drift": drifting.between(before.answers, ever.answers),
        }
        if "baseline_drift" in wanted:
            values["baseline_drift"] = self._baseline_drift(watched)
        if any(one.startswith(alarms.LOGGED) for one in wanted):
            values |= self._logged(now.rollout.started if moving and now.rollout else None)
        return values

    def _baseline_drift(self, watched: list[Variant]) -> float | None:
        found = []
        for one in watched:
            baseline, last = self._baseline(one.model)
            answers = self.window.total(course.key(one)).answers
            moved = drifting.from_training(baseline, last, answers) if baseline else None
            if moved is not None:
                found.append(moved)
        return max(found, default=None)

    def _baseline(self, model: str) -> tuple[Baseline | None, str | None]:
        if model not in self._baselines:
            try:
                version = models.find(self.store, model)
                classes = version.signature.classes if version.signature else None
                self._baselines[model] = baselines.of(self.store, version), str(classes[-1]) if classes else None
            except CupolaError:
                self._baselines[model] = None, None
        return self._baselines[model]

    def _logged(self, since: str | None) -> dict[str, float | None]:
        """The last value of each metric that was logged for the endpoint, since the change began."""
        found: dict[str, float | None] = {}
        try:
            entries = journals.folded(self.store, records.metrics_path(self.name))
        except CupolaError:
            return found
        for entry in entries:
            if since is None or str(entry.get("time", "")) >= since:
                values = msgspec.convert(entry.get("metrics", {}), dict[str, float])
                found |= {f"{alarms.LOGGED}{name}": value for name, value in values.items()}
        return found


def _variant(state: VariantState) -> Variant:
    return Variant(name=state.name, model=state.model)


def _unix(moment: str | None) -> float:
    return calendar.timegm(time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S")) if moment else 0.0
