"""Until when a search goes on, so that there is time to make a model of what it has found: measured on the way."""

from dataclasses import dataclass, field

from cupola.autopilot.candidates import SAVING, Candidate

ENDING = 0.3  # seconds of a CPU that the end of the work takes, without what follows
DESCRIBING = 0.003  # for each column, that is written with what it looks like
MEASURED = 5  # times as much as to measure a candidate is to measure the ensemble
WEIGHED = 3  # times that weights are found at the end
MEMBERS = 10  # that there should be time for
LONGEST_END = 0.3  # of the time


@dataclass
class Timing:
    """When which part of the work has to end (all of time.monotonic).

    begun, end: of all the work. measuring: seconds of a CPU that it takes to measure what a candidate says. columns:
    that are described at the end. weighing: seconds of a CPU that finding weights has taken. shares: what each of those
    weighs that answer best together, by name.
    """

    candidates: list[Candidate]
    begun: float
    end: float
    measuring: float
    columns: int
    weighing: float = 0.0
    shares: dict[str, float] = field(default_factory=dict)

    @property
    def until(self) -> float:
        """Until when it searches: what is left of the time is for the end of the work."""
        whole = self.end - self.begun
        kept = self.slowness * (self.assembling + self.ending + self.saving) + self.end - self.saved_by
        return self.end - min(LONGEST_END * whole, kept)

    @property
    def is_tight(self) -> bool:
        """Whether measuring takes longer than the end may, as of very many classes: errors are left out then."""
        return self.slowness * self.assembling > LONGEST_END * (self.end - self.begun)

    @property
    def saved_by(self) -> float:
        """Until when the model has to be saved: later there is time only for one of a single fit in its place."""
        least = self.ending + self.measuring + max((one.saving for one in self._in_play), default=SAVING)
        return self.end - self.slowness * least

    @property
    def saving(self) -> float:
        """Seconds of a CPU that saving the members takes: of those that answer best together as many of each as it
        weighs, or has by now."""
        known = self._in_play
        weighed = [one for one in known if self.shares.get(one.name)]
        if not weighed:
            return MEMBERS * (sum(one.saving for one in known) / len(known) if known else SAVING)
        return sum(one.saving * min(one.most, 1 + MEMBERS * self.shares[one.name]) for one in weighed)

    @property
    def _in_play(self) -> list[Candidate]:
        """Those that a model may be made of."""
        return [one for one in self.candidates if one.fits and one.state not in ("dropped", "failed")]

    @property
    def ending(self) -> float:
        """Seconds of a CPU that a model takes, without finding weights, measuring and saving its members."""
        return ENDING + DESCRIBING * self.columns

    @property
    def assembling(self) -> float:
        """Seconds of a CPU that finding weights and measuring take."""
        return self.measuring * MEASURED + self.weighing * WEIGHED

    @property
    def slowness(self) -> float:
        """How many seconds go by for one of a CPU: above 1 where others compute on this host."""
        made = [one for candidate in self.candidates for one in candidate.fits.values()][-20:]
        busy = sum(one.busy for one in made)
        return max(1.0, sum(one.seconds for one in made) / busy) if busy else 1.0
