"""The search: which fit comes next, until the time is over.

1. Baselines: a linear model and scikit-learn's default boosted trees.
2. Looks: every setting of the portfolio on the first folds, in the order in which they worked elsewhere.
3. Climbs, where a table is large for the time: looks are at a share of the rows, those that answer best are looked at
   again with more of them (successive halving, where the resource is the rows). The default trees climb first, as far
   as there is time.
4. Folds: those that answer best, and best together, get the other folds; the others are dropped (successive halving,
   where the resource is the folds).
5. All rows, where all teach clearly more than half of them: what is in the ensemble by then is fitted on all, with as
   many rounds as its folds have found best. Such a fit answers as well as all of its folds together. What answers with
   the best but has no time for all of its folds has that fit in their place, whatever all rows teach. Where there is
   no time for both, for all of those that answer best together, this comes before the other folds.
6. Repeats: what is in the ensemble by then is fitted on folds drawn anew, as long as there is time.

A candidate is what its fits on folds say together: each row is judged by fits that have not seen it.

Where a flow prepares the rows, every fold has one of its own, which has learned from the rows that learn there. A model
has one flow, that of all rows, so it is made of fits on all rows: the baselines have one as soon as they are looked at,
those that answer best before their other folds. There are no repeats then.
"""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cupola.autopilot import climbing, halving, making, saying
from cupola.autopilot.candidates import HALF, WHOLE, Begun, Candidate, Unit
from cupola.autopilot.climbing import SURE, Climb
from cupola.autopilot.fits import Answer, Children
from cupola.autopilot.parts import Parts
from cupola.autopilot.portfolio import BASELINES, Setting
from cupola.autopilot.problem import Problem
from cupola.autopilot.timing import Timing

REPEATS = 6
LOOKED_AT = 1000  # validation rows that a first look should have at least
LOOKING = 0.45  # of the time
QUICK, BRIEF = 0.15, 0.2  # of the cost of the default trees; of the time that is left: such a look comes at any time
PROMOTED = 5  # of the best alone, beside those that are best together
TICK, LEAST_TICK = 0.25, 0.02  # seconds that it waits for a fit to end, at most and at least
HALVING = 0.1  # of the time that is left, which finding out whether more rows would help may take
KEPT = 512 << 20  # bytes of fits that are kept for after a kill

Tell = Callable[[Candidate], None]


class Search:
    """Tries settings on a problem; `tell` hears of every change of a candidate.

    end: of all the work (of time.monotonic), of which making a model of it is the last. stop: asked now and then; True
    ends it before. measuring: seconds of a CPU that it takes to measure what a candidate says.
    keep: given each fit, by (candidate, repeat, fold), in the process that has made it. half: a candidate (the default
    trees, or the best one that is quicker), and a fit of it on half of the rows: whether more rows would help.
    """

    def __init__(
        self,
        problem: Problem,
        settings: list[Setting],
        *,
        workers: int,
        end: float,
        tell: Tell = lambda candidate: None,
        stop: Callable[[], bool] = lambda: False,
        measuring: float = 0.0,
        keep: Callable[[tuple[str, int, int], Answer], None] = lambda key, answer: None,
    ) -> None:
        self.problem, self.tell, self.stop, self.keep = problem, tell, stop, keep
        self.workers = workers
        self.only_whole = problem.through is not None  # fits on all rows can be in the model, and no others
        self.children = Children(workers)
        rows = len(problem.rows)
        fitting = [one for one in settings if one.most_rows is None or rows <= one.most_rows]
        self.candidates = [Candidate(one.name, one) for one in fitting]
        learning, validated = (len(part) for part in problem.folds[0][0])
        columns = len(problem.training.features)
        self.timing = Timing(self.candidates, time.monotonic(), end, measuring, columns)
        self.ladder = climbing.ladder(learning * problem.width, learning, self.until - self.timing.begun)
        for one in self.candidates:
            one.share = self.ladder[0]
        self.folds = len(problem.folds[0])
        self.looks = min(self.folds, max(1, round(LOOKED_AT / validated)))
        self.climb = Climb(self.timing, self.ladder, self.looks, workers)
        self.half: tuple[Candidate, Answer] | None = None
        self._halving = False
        self._whole: dict[str, float] = {}  # the share of all rows that the last fit on them was begun with
        self._chosen_by: tuple[tuple[int, int], list[Candidate]] = (0, 0), []
        self._parts = Parts()
        self._order: list[Candidate] = []
        self._together: list[Candidate] = []

    def resume(self, made: dict[tuple[str, int, int], Answer], ended: dict[str, tuple[str, str]]) -> None:
        """Goes on from fits that were made before; ended: candidates that were dropped or have failed, and why."""
        for candidate in self.candidates:
            for (name, repeat, fold), answer in made.items():
                if name == candidate.name and fold == WHOLE:
                    candidate.whole = answer
                    self._whole[name] = answer.share
                elif name == candidate.name:
                    candidate.fits[repeat, fold] = answer
            if candidate.fits:
                candidate.state, candidate.share = "trying", candidate.learnt
                candidate.style = self.problem.style(candidate.setting)
                self.problem.matrices(candidate.style)
                self._value(candidate)
            if candidate.name in ended:
                candidate.state, candidate.why = ended[candidate.name]
            if candidate.state != "waiting":
                self.tell(candidate)

    def run(self) -> None:
        """Tries until the time is over, or nothing is left to do."""
        try:
            while not self._is_over(now := time.monotonic()):
                while self.children.free and (unit := self._next()):
                    self._begin(*unit)
                if not self.children.tags:
                    break
                for (candidate, repeat, fold), answer in self.children.ended(
                    min(TICK, max(LEAST_TICK, self.until - now))
                ):
                    self._take(candidate, repeat, fold, answer)
        finally:
            cut = {id(tag[0]): tag[0] for tag in self.children.kill()}
        for one in self.candidates:
            self._end(one, id(one) in cut)

    def _is_over(self, now: float) -> bool:
        """Whether it is time to end, or somebody has asked for that. Without any fit there would be no model: for the
        first one it goes on."""
        fitted = any(self.is_usable(one) for one in self.candidates)
        return fitted and (now >= self.until or self.stop())

    def is_usable(self, candidate: Candidate) -> bool:
        """Whether a model can be made of it."""
        return bool(candidate.fits) and (candidate.whole is not None or not self.only_whole)

    @property
    def until(self) -> float:
        """Until when it searches."""
        return self.timing.until

    # ---- what comes next

    def _next(self) -> Unit | None:
        """The fit that comes next; None where it depends on what is under way, or nothing is left to do."""
        begun = {(id(one), repeat, fold) for one, repeat, fold in self.children.tags}
        if unit := self._sure() or self.climb.trees(begun) or self._look(begun):
            return unit
        if any(one.state == "trying" and not one.has(self.looks) for one in self.candidates) and not self._order:
            return None  # what is looked at may be better than what is known
        if unit := self.climb.next(begun, self._chosen):
            return unit
        if self.climb.is_under_way(begun) and not self._order:
            return None  # with more rows it may be better than what is known
        return self._more(begun)

    def _look(self, begun: Begun) -> Unit | None:
        """A look at a candidate, on the first folds."""
        for candidate in self._to_look_at():
            if not candidate.fits and any(one is candidate for one, *_ in self.children.tags):
                continue  # how long a fit of it takes is not known yet: it may hang
            open_ = self._open(candidate, 0, self.looks, begun)
            if open_ and self._is_too_long(candidate, open_):
                candidate.state, candidate.why = "dropped", f"a look at {self._first_folds} takes too long"
                self.tell(candidate)
            elif open_:
                return candidate, 0, open_[0]
        return None

    def _more(self, begun: Begun) -> Unit | None:
        """All rows or another fold for one of those that answer best."""
        for candidate in self._promising(0) if self.only_whole else []:
            if self._lacks_whole(candidate) and candidate.takes(candidate.share) < self.until - time.monotonic():
                return self._on_all_rows(candidate)
        self._promising(0)
        is_short = self._is_short()
        if is_short and (unit := self._all_rows()):
            return unit
        waits = is_short and any(fold == HALF for *_, fold in self.children.tags)  # what all rows teach is known soon
        for repeat in range(len(self.problem.folds)):
            if repeat == 1 and (unit := self._all_rows()):
                return unit
            for candidate in self._promising(repeat):
                is_of_best = repeat == 0 and candidate in self._together
                if repeat == 0 and not is_of_best and not waits and (unit := self._all_rows() or self._one_more(begun)):
                    return unit
                open_ = self._open(candidate, repeat, self.folds, begun)
                if not open_ or (is_of_best and waits):
                    continue
                missing = [fold for fold in range(self.folds) if (repeat, fold) not in candidate.fits]
                is_begun = len(missing) < self.folds - (self.looks if repeat == 0 else 0)
                if self._fits_in(candidate, open_[:1] if is_begun else missing):
                    return candidate, repeat, open_[0]
                if is_of_best and self._may_have_all_rows(candidate):
                    return self._on_all_rows(candidate)
        return self._all_rows() or (None if waits else self._one_more(begun))

    def _open(self, candidate: Candidate, repeat: int, folds: int, begun: Begun) -> list[int]:
        """Those of its first folds that no fit was begun of."""
        units = [(repeat, fold) for fold in range(folds)]
        return [unit[1] for unit in units if unit not in candidate.fits and (id(candidate), *unit) not in begun]

    def _is_short(self) -> bool:
        """Whether there is no time for all the folds that those lack which answer best together, and for all rows."""
        takes = 0.0
        for one in self._together:
            takes += one.takes(one.share) * sum((0, fold) not in one.fits for fold in range(self.folds))
            takes += one.takes(1.0) if one.name not in self._whole else 0.0
        return takes / self.workers > SURE * (self.until - time.monotonic())

    def _sure(self) -> Unit | None:
        """Where a model is made of fits on all rows: those of the baselines, below which nothing ends, and without any
        the first that there can be."""
        if not self.only_whole:
            return None
        is_there = any(one.whole for one in self.candidates) or any(fold == WHOLE for *_, fold in self.children.tags)
        known = [one for one in self.candidates if one.fits and one.state == "trying" and self._lacks_whole(one)]
        for one in known:
            if one.name in BASELINES and one.has(self.looks) and one.share == one.learnt:
                return self._on_all_rows(one)
        return self._on_all_rows(known[0]) if known and not is_there else None

    def _lacks_whole(self, candidate: Candidate) -> bool:
        """Whether no fit on all rows, or on as large a share of them as its folds have had, was begun."""
        return self._whole.get(candidate.name, 0.0) < candidate.learnt

    def _on_all_rows(self, candidate: Candidate) -> Unit:
        self._whole[candidate.name] = candidate.share
        return candidate, 0, WHOLE

    def _all_rows(self) -> Unit | None:
        """All rows, for one of those that answer best together, while there is time for it."""
        if self.only_whole or not self.is_rising():
            return None
        best = self._promising(1)
        under_way = [one for one in self._together if one not in best and not self.is_complete(one)]
        for candidate in [*best, *under_way]:
            if self._may_have_all_rows(candidate):
                return self._on_all_rows(candidate)
        return None

    def _may_have_all_rows(self, candidate: Candidate) -> bool:
        """Whether there is time for it, and it is known how many rounds it should have."""
        is_in_time = candidate.takes(1.0) < SURE * (self.until - time.monotonic())
        is_known = not all(one.is_cut for one in candidate.fits.values())
        return candidate.name not in self._whole and candidate.learnt == 1 and is_known and is_in_time

    def _one_more(self, begun: Begun) -> Unit | None:
        """A fold of one of those that answer best together, where there is no time for all that are missing."""
        for candidate in self._together:
            open_ = self._open(candidate, 0, self.folds, begun)
            if open_ and candidate.takes(candidate.share) < self.until - time.monotonic():
                return candidate, 0, open_[0]
        return None

    def _to_look_at(self) -> list[Candidate]:
        """Those to be looked at, while there is time for it."""
        waiting = [one for one in self.candidates if one.state in ("waiting", "trying") and not one.has(self.looks)]
        now = time.monotonic()
        left = self.timing.begun + LOOKING * (self.until - self.timing.begun) - now
        known = [one for one in self.candidates if one.name == BASELINES[1] and one.fits]
        pace = known[0].takes(self.ladder[0]) * self.looks / self.workers if known else 0.0
        leads = [one.name for one in waiting if one.setting.least_classes]
        found = [one for one in waiting if one.name in (*leads, *BASELINES) or one.state == "trying"]
        fitted = any(one.fits for one in self.candidates)
        for one in waiting:
            cost, brief = one.setting.costs(self.problem.classes), BRIEF * (self.until - now)
            if cost >= QUICK:  # a look at boosting teaches more than one that is only somewhat cheaper
                cost, brief = one.setting.cost, 0.0
            if one not in found and (pace * cost < max(left, brief) or not fitted):
                found.append(one)
        return found

    @property
    def _first_folds(self) -> str:
        return "the first fold" if self.looks == 1 else f"the first {self.looks} folds"

    def _is_too_long(self, candidate: Candidate, missing: list[int]) -> bool:
        """Whether looking at it on the other folds would leave too little time for those that are known by then."""
        if not candidate.fits or candidate.name in BASELINES:
            return False
        takes = candidate.takes(candidate.share) * len(missing) / self.workers
        return takes > LOOKING * (self.until - time.monotonic())

    def _fits_in(self, candidate: Candidate, missing: list[int]) -> bool:
        at_once = min(self.workers, len(missing))
        return candidate.takes(candidate.share) * len(missing) / at_once < self.until - time.monotonic()

    def _promising(self, repeat: int) -> list[Candidate]:
        """Those that are worth more fits, the best first: chosen once for the folds, then by the ensemble of them."""
        if repeat == 0:
            if not self._order:
                self._order = self._chosen()
                self._halve()
            return self._order
        fitted = sum(len(one.fits) for one in self._order), len(self._order)
        if self._chosen_by[0] != fitted:
            shares = self.weights(self._order, saying.rows(self.problem, self._order)) if self._order else []
            chosen = [(share, one) for share, one in zip(shares, self._order, strict=True) if share]
            chosen.sort(key=lambda each: -each[0])
            self._chosen_by = fitted, [one for _, one in chosen]
        return [one for one in self._chosen_by[1] if self.is_complete(one, repeat - 1)]

    def _chosen(self) -> list[Candidate]:
        """The best of those looked at: first those that answer best together, then by what they reach alone."""
        looked = [one for one in self.candidates if one.state == "trying" and one.has(self.looks)]
        if not looked:
            return []
        rows = saying.rows(self.problem, looked)
        shares = self.weights(looked, rows)
        alone = [saying.value(self.problem, one, rows) for one in looked]
        order = sorted(range(len(looked)), key=lambda one: (-shares[one], -alone[one]))
        self._together = [looked[one] for one in order if shares[one]]
        self.timing.shares = {one.name: share for one, share in zip(looked, shares, strict=True)}
        best = sorted(range(len(looked)), key=lambda one: -alone[one])[:PROMOTED]
        chosen = [looked[one] for one in order if shares[one] or one in best or looked[one].name in BASELINES]
        for one in looked:
            if one not in chosen:
                one.state, one.why = "dropped", f"{PROMOTED} others are better on {self._first_folds}"
                one.why += f", of whose rows it had {one.learnt:.0%}" if one.learnt < 1 else ""
                self.tell(one)
        return chosen

    def _halve(self) -> None:
        """Begins a fit of the default trees on half of the rows of the first fold, once; where that takes too long, of
        the best one that answers with others."""
        order = [*(one for one in self._order if one.name == BASELINES[1]), *self._together]
        left = HALVING * (self.until - time.monotonic())
        chosen = next((one for one in order if one.learnt == 1 and one.takes(0.5) < left), None)
        if chosen and not self._halving:
            self._halving = True
            self._fit(chosen, 0, HALF, self.until)

    def is_rising(self) -> bool:
        """Whether all rows teach clearly more than half of them, as far as that is known."""
        return self.half is not None and halving.is_rising(self.problem, *self.half)

    def is_complete(self, candidate: Candidate, repeat: int = 0) -> bool:
        """Whether it was fitted on all folds of a repeat."""
        return candidate.has(self.folds, repeat)

    # ---- a fit

    def _begin(self, candidate: Candidate, repeat: int, fold: int) -> None:
        limit = self.until - 0.1
        if not candidate.fits and candidate.name not in BASELINES:
            limit = min(limit, time.monotonic() + max(1.0, 0.12 * (self.until - self.timing.begun)))
        if candidate.state == "waiting":
            candidate.state = "trying"
            self.tell(candidate)
        self._fit(candidate, repeat, fold, limit)

    def _fit(self, candidate: Candidate, repeat: int, fold: int, limit: float) -> None:
        candidate.style = candidate.style or self.problem.style(candidate.setting)
        part = None
        if self.only_whole and fold not in (WHOLE, HALF) and candidate.share == 1:
            part = self._parts.begin((id(candidate), repeat, fold), (candidate.style, fold))
        made = making.fit_of(self.problem, candidate, repeat, fold, until=limit, part=part)
        size = sum(answer.size for one in self.candidates for answer in one.fits.values())
        is_kept = size < KEPT and fold != HALF

        def work() -> Answer:
            answer = made()
            if is_kept:
                self.keep((candidate.name, repeat, fold), answer)
            return answer

        self.children.begin((candidate, repeat, fold), work)

    def _take(self, candidate: Candidate, repeat: int, fold: int, answer: Answer | str) -> None:
        self._parts.end((id(candidate), repeat, fold), well=isinstance(answer, Answer))
        if isinstance(answer, str):
            if fold == HALF or (fold == WHOLE and not self.only_whole):
                return
            if fold == WHOLE:
                if candidate.whole:
                    return  # there is one on fewer rows
                candidate.state, candidate.why = "dropped", f"its fit on all rows failed: {answer}"
                self._order = [one for one in self._order if one is not candidate]
                self.tell(candidate)
            elif not candidate.fits:
                candidate.state, candidate.why = "failed", answer
                for _, *unit in self.children.kill(lambda tag: tag[0] is candidate):
                    self._parts.end((id(candidate), *unit), well=False)
                self.tell(candidate)
            else:
                candidate.state, candidate.why = "dropped", f"fold {fold + 1} failed: {answer}"
                self._order = [one for one in self._order if one is not candidate]
                self.tell(candidate)
            return
        if fold == HALF:
            self.half = (candidate, answer)
            return
        if fold == WHOLE:
            candidate.whole = answer
            return
        if answer.is_cut and any(answer.rounds < one.rounds for one in candidate.fits.values()):
            return  # it would speak for its fold with fewer rounds than others for theirs
        candidate.fits[repeat, fold] = answer
        self._value(candidate)
        self.tell(candidate)

    def _value(self, candidate: Candidate) -> None:
        candidate.value = saying.value(self.problem, candidate, saying.rows(self.problem, [candidate]))
        candidate.folds = len(candidate.fits)

    def _end(self, candidate: Candidate, cut: bool) -> None:
        """What becomes of a candidate when the time is over."""
        if candidate.state == "waiting":
            candidate.state, candidate.why = "dropped", "there was no time to look at it"
        elif candidate.state == "trying" and not candidate.fits:
            candidate.state, candidate.why = "dropped", "its first fit took longer than there was time"
        elif candidate.state == "trying" and not self.is_usable(candidate):
            candidate.state, candidate.why = "dropped", "there was no time to fit it on all rows, behind the flow"
        elif candidate.state == "trying":
            candidate.state = "kept"

    def weights(self, candidates: list[Candidate], rows: NDArray[np.intp]) -> list[float]:
        """The weights with which these answer best together, by rows that all of them were validated on."""
        begun = time.process_time()
        found = saying.weights(self.problem, candidates, rows)
        self.timing.weighing = max(self.timing.weighing, time.process_time() - begun)
        return found
