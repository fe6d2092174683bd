"""What type a column of texts has, judged by all of its values and not by a sample."""

import re

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from cupola.datasets.values import EXACT, GUESSED, TEXT, Kind

FEW = 8  # so many different words may stand among numbers before they are simply a text
MISSING_WORDS = {
    "na",
    "n/a",
    "#n/a",
    "nan",
    "null",
    "none",
    "nil",
    "?",
    "-",
    "--",
    "---",
    ".",
    "..",
    "unknown",
    "missing",
    "undefined",
    "<na>",
    "\\n",
    "nat",
    "empty",
    "inf",
    "-inf",
    "not available",
    "void",
}


ORDERS = {"dmy": "mdy", "dmy time": "mdy time"}  # kinds that read the same texts, and mean different days


class Attempt(msgspec.Struct):
    """One kind that a column may still be. odd: the words that it cannot read, and how often each was there."""

    kind: Kind
    odd: dict[str, int] = {}
    alive: bool = True


class Guess:
    """The judgement on one column; `see` each batch of its values, then ask for `kind` and `notes`."""

    def __init__(self, name: str, kinds: tuple[str, ...] = ()) -> None:
        self.name = name
        self.values = 0
        self.longest_integer = 0
        self.clear_commas = False
        self.clear_months = False
        self.beyond = False
        self._attempts = {kind.name: Attempt(kind) for kind in GUESSED if not kinds or kind.name in kinds}

    def see(self, texts: pa.StringArray) -> None:
        """Takes the next values into account; nulls are no values."""
        count = len(texts) - texts.null_count
        if not count:
            return
        if not self.values:
            self._end_the_hopeless(texts)
        self.values += count
        uniques: pa.Array | None = None
        for attempt in self._attempts.values():
            base = self._attempts.get(attempt.kind.base or "")
            if not attempt.alive or (base is not None and base.alive and not base.odd):
                continue
            if attempt.kind.base == "integer" and self.longest_integer > EXACT:
                attempt.alive = False
                continue
            rest = self._known_words_out(attempt, texts)
            try:
                read = attempt.kind.parse(rest)
            except pa.ArrowInvalid:
                uniques = texts.unique().drop_null() if uniques is None else uniques
                self._find_odd(attempt, uniques, texts)
            else:
                self._measure(attempt, read, rest)

    def settle(self, allowed: set[str] | None = None) -> Kind:
        """The kind that reads every value. allowed: what the values can be, where the file itself has types."""
        for name, attempt in self._attempts.items():
            if self._fits(name) and (allowed is None or name in allowed):
                return TEXT if self._fits(ORDERS.get(name, "")) else attempt.kind
        return TEXT

    def _fits(self, name: str) -> bool:
        """Whether the kind of that name has read every value."""
        attempt = self._attempts.get(name)
        clear = name != "month" or self.clear_months
        return bool(attempt and attempt.alive and not attempt.odd and self.values and clear)

    def notes(self) -> list[str]:
        """What a user should know of a column that stays text, though nearly all of it is something else."""
        if any(self._fits(one) and self._fits(other) for one, other in ORDERS.items()):
            what = "its dates may begin with the day or with the month"
            return [f"column {self.name}: {what}, kept as text; --dates dmy (or mdy) says which"]
        tried = [one for one in self._attempts.values() if one.alive and one.odd]
        if not self.values or not (tried or self.beyond) or self.settle() is not TEXT:
            return []
        if self.beyond:
            return [f"column {self.name}: integers beyond 64 bits, kept as text; --type {self.name}=number rounds them"]
        best = min(tried, key=lambda one: sum(one.odd.values()))
        count = sum(best.odd.values())
        known = all(word.strip().lower() in MISSING_WORDS for word in best.odd)
        if count == self.values or (not known and count > self.values // 10):
            return []
        words = " and ".join(
            f"{word!r} {times(many)}" for word, many in sorted(best.odd.items(), key=lambda x: -x[1])[:3]
        )
        options = " ".join(f"--missing {_quoted(word)}" for word in best.odd)
        what = {"comma": "numbers"}.get(best.kind.name, f"{best.kind.type}s")
        return [f"column {self.name}: {words} among {what}, kept as text; {options} reads it as missing"]

    def _end_the_hopeless(self, texts: pa.StringArray) -> None:
        """Ends the attempts that read not one of the first different values, unless those are words for nothing."""
        first = texts.slice(0, 1000).unique().drop_null().slice(0, FEW + 1).to_pylist()
        if not first or (len(first) <= FEW and all(word.strip().lower() in MISSING_WORDS for word in first)):
            return
        for attempt in self._attempts.values():
            attempt.alive = any(re.fullmatch(attempt.kind.pattern, word.strip(" \t")) for word in first)

    def _is_long(self, texts: list[str]) -> bool:
        return all(len(text.strip(" \t-")) > 18 for text in texts)

    def _known_words_out(self, attempt: Attempt, texts: pa.StringArray) -> pa.StringArray:
        if not attempt.odd:
            return texts
        hit = pc.is_in(texts, pa.array(list(attempt.odd), pa.string()))
        found = texts.filter(hit)
        if not len(found):
            return texts
        for one in found.value_counts().to_pylist():
            attempt.odd[one["values"]] += one["counts"]
        return pc.if_else(hit, pa.scalar(None, pa.string()), texts)

    def _find_odd(self, attempt: Attempt, uniques: pa.StringArray, texts: pa.StringArray) -> None:
        """Adds the words that cannot be read to the attempt, or ends it when they are many."""
        fits = pc.match_substring_regex(uniques, rf"^[ \t]*(?:{attempt.kind.pattern})[ \t]*$")
        odd = uniques.filter(pc.invert(fits)).slice(0, FEW + 1 + len(attempt.odd)).to_pylist()
        if len(odd) <= FEW:
            unreadable = _unreadable(attempt.kind, uniques.filter(fits))
            self.beyond = self.beyond or (
                attempt.kind.name == "integer" and bool(unreadable) and self._is_long(unreadable)
            )
            odd += unreadable
        new = [word for word in odd if word not in attempt.odd]
        if len(new) + len(attempt.odd) > FEW or any(len(word) > 40 for word in new):
            attempt.alive = False
            return
        hit = texts.filter(pc.is_in(texts, pa.array(new, pa.string())))
        for one in hit.value_counts().to_pylist():
            attempt.odd[one["values"]] = one["counts"]
        hit = pc.is_in(texts, pa.array(list(attempt.odd), pa.string()))
        rest = pc.if_else(hit, pa.scalar(None, pa.string()), texts)
        self._measure(attempt, attempt.kind.parse(rest), rest)

    def _measure(self, attempt: Attempt, read: pa.Array, texts: pa.StringArray) -> None:
        """Remembers the largest integer, whether a comma is surely a decimal one ("1,5"; "1,500" may be either), and a
        month surely a month ("1990-01"; "2001-02" may be the season that ends in 2002)."""
        if attempt.kind.name == "integer" and read.null_count < len(read):
            span = pc.min_max(read)
            self.longest_integer = max(self.longest_integer, span["max"].as_py(), -span["min"].as_py())
        elif attempt.kind.name == "comma" and not self.clear_commas:
            self.clear_commas = bool(pc.any(pc.match_substring_regex(texts, r",(\d{1,2}|\d{4,})\s*$")).as_py())
        elif attempt.kind.name == "month" and not self.clear_months:
            short = pc.cast(pc.utf8_slice_codeunits(pc.ascii_trim(texts, " \t"), 2, 4), pa.int64())
            self.clear_months = bool(pc.any(pc.not_equal(pc.month(read), pc.add(short, 1))).as_py())


def times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _unreadable(kind: Kind, fitting: pa.StringArray) -> list[str]:
    """Those that look right and yet mean nothing (February 30th, an integer beyond 64 bits), at most a few of them."""
    found: list[str] = []
    while len(found) <= FEW and not kind.reads(fitting):
        place = kind.first_unreadable(fitting)
        found.append(fitting[place].as_py())
        fitting = fitting[place + 1 :]
    return found


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
