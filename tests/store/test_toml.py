"""What is wrong with a TOML file is said with the line and the column where it stands."""

import msgspec
import pytest

from cupola.errors import Corrupt
from cupola.store import toml


class Part(msgspec.Struct):
    name: str = ""
    weight: float = 1.0


class Kept(msgspec.Struct):
    format: int = 1
    part: list[Part] = msgspec.field(default_factory=list)
    limits: dict[str, int] = msgspec.field(default_factory=dict)
    inner: Part = msgspec.field(default_factory=Part)


TORN = {
    "no value": (b"a = 1\nb =", "line 2, column 4: this is not TOML"),
    "key twice": (b"a = 1\na = 2", "line 2, column 6: this is not TOML"),
    "two sides of a merge": (b"a = 1\n<<<<<<< here\n", "line 2, column 1: this is not TOML"),
    "open at the end": (b'a = "x\n', "line 1, column 7: this is not TOML"),
    "open at the very end": (b"a = [1,\n  2", "line 2, column 4: this is not TOML"),
    "control character": (b'a = "\x1b[2J"', "line 1, column 6: this is not TOML"),
    "no such day": (b"\nd = 2023-02-30", "line 2, column 5: this is not TOML"),
    "no text": ("a = 'é'\nb = '".encode() + b"\xff'", "line 2, column 6: byte 0xff is not UTF-8 text"),
    "deep": (b"a = 1\nb = " + b"[" * 5000, "line 2, column 105: it is nested too deeply"),
    "deep tables": (b"a = " + b"{a = " * 5000, "line 1, column 505: it is nested too deeply"),
}


@pytest.mark.parametrize(("data", "said"), TORN.values(), ids=TORN)
def test_what_is_no_toml(data: bytes, said: str) -> None:
    with pytest.raises(Corrupt, match=f"^a/b.toml: {said}"):
        toml.parse(data, "a/b.toml")


UNFIT = {
    "a value": (b'# what it is\nformat = "1"\n', "line 2, column 10: it takes a whole number"),
    "in a table": (b"format = 1\n[inner]\n  weight = 'much'\n", "line 3, column 12: it takes a number, and not a text"),
    "dotted": (b"format = 1\ninner.weight = 'much'\n", "line 2, column 16: it takes a number"),
    "of several": (
        b"[[part]]\nname='a'\n[[part]]\nweight=1\nname=2\n",
        "line 5, column 6: it takes a text, and not a whole number",
    ),
    "a name that is anything": (b"\n[limits]\nx = 'much'\n", "line 2, column 1: it takes a whole number"),
    "a table that is none": (b"inner = 1", "line 1, column 9: it takes a table"),
    "a line of several": (b"part = [{weight = 1}, {weight = 'x'}]", "line 1, column 8: it takes a number"),
}


@pytest.mark.parametrize(("data", "said"), UNFIT.values(), ids=UNFIT)
def test_what_does_not_fit_the_record(data: bytes, said: str) -> None:
    with pytest.raises(Corrupt, match=f"^a.toml: {said}"):
        toml.convert(toml.parse(data, "a.toml"), Kept, data, "a.toml")


def test_what_fits_is_read_as_it_is() -> None:
    data = b"\xef\xbb\xbf"[3:] + b'unknown = [1]\r\n[inner]\r\nname = "\\u001b"\r\n'
    assert toml.convert(toml.parse(data, "a"), Kept, data, "a").inner.name == "\x1b"
