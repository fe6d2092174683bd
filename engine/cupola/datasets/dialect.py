"""The dialect of a delimited text file, found by looking at its beginning."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from cupola.errors import BadOption

DELIMITERS = [",", ";", "\t", "|"]
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
WORDS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|", "space": " "}
NUMBER = re.compile(r"\s*[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?\s*")
ROWS = 1000


class Dialect(msgspec.Struct, kw_only=True, frozen=True):
    """How fields are told apart. escaped: a quote inside a field is written `\\"` instead of `""`."""

    delimiter: str = ","
    quote: str = '"'
    escaped: bool = False

    def rows(self, text: Iterable[str], strict: bool = False) -> Any:
        """A reader of the standard library for this dialect (its `line_num` counts lines)."""
        csv.field_size_limit(2**31 - 1)
        return csv.reader(
            text,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar="\\" if self.escaped else None,
            doublequote=not self.escaped,
            strict=strict,
        )


def find(head: str, whole: bool, delimiter: str | None, quote: str | None) -> Dialect:
    """The dialect in which the rows of `head` agree best with its first line; what the user named is taken as it is.

    whole: whether `head` is the whole file (else its last line may be cut and is left out).
    """
    sample = head if whole else head[: max(head.rfind("\n"), head.rfind("\r")) + 1] or head
    delimiters = [_character(delimiter, "--delimiter")] if delimiter else DELIMITERS
    quotes = [_character(quote, "--quote")] if quote else ['"', "'"] if _single_quoted(sample) else ['"']
    candidates = [
        Dialect(delimiter=one, quote=mark, escaped=escaped)
        for mark in quotes
        for one in delimiters
        for escaped in _escapes(sample, mark)
    ]
    return max(candidates, key=lambda one: _agreement(one, sample, whole))


def _agreement(dialect: Dialect, sample: str, whole: bool) -> tuple[bool, float, int]:
    """How well a dialect explains the sample: does it find several columns, how many rows agree, how many columns."""
    widths = [len(row) for row in _sample_rows(dialect, sample, whole) if row]
    if not widths:
        return (False, 0.0, 0)
    agreeing = sum(width == widths[0] for width in widths) / len(widths)
    return (widths[0] > 1, agreeing, widths[0])


def _sample_rows(dialect: Dialect, sample: str, whole: bool) -> Iterator[list[str]]:
    reader = dialect.rows(io.StringIO(sample, newline=""))
    last: list[str] | None = None
    for _ in range(ROWS):
        try:
            row = next(reader)
        except (StopIteration, csv.Error):
            break
        if last is not None:
            yield last
        last = row
    else:
        whole = True
    if last is not None and whole:  # the last row of a sample that was cut may be half a quoted field
        yield last


def _single_quoted(sample: str) -> bool:
    """Whether single quotes stand around fields, as in 'a','b'; an apostrophe inside a word does not count."""
    if '"' in sample:
        return False
    opened = len(re.findall(r"(?:^|[,;\t|])'", sample, re.MULTILINE))
    closed = len(re.findall(r"'(?:$|[,;\t|\r])", sample, re.MULTILINE))
    return opened >= 2 and opened == closed


def _escapes(sample: str, quote: str) -> list[bool]:
    return [False, True] if f"\\{quote}" in sample else [False]


def _character(given: str, option: str) -> str:
    found = WORDS.get(given, given)
    if len(found) != 1 or found in "\r\n\0" or ord(found) > 127:
        raise BadOption(f"{option} takes one plain character, not {given!r}", hint="for example ';' or tab")
    return found
