"""What docs/reliability.md shows of `make torture` can be read again, and is about parts that there are."""

from pathlib import Path

import pytest
from tests.torture import results
from tests.torture.results import Result

ROW = Result("storm on ext4", "300 s", "nothing", "7", "2026-11-29 1234567 with changes")


def test_results_are_of_parts_that_there_are() -> None:
    from tests.torture.__main__ import parts

    found = results.read()
    assert set(found) <= set(parts(1, 1, 1))
    assert all(one.lost and len(one.commit) >= 7 for one in found.values())


def test_what_is_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / "reliability.md"
    document.write_text(f"before\n{results.BEGIN}\n{results.END}\nafter\n")
    monkeypatch.setattr(results, "DOCUMENT", document)
    assert results.read() == {}
    results.write({ROW.part: ROW}, ["another", ROW.part])
    assert results.read() == {ROW.part: ROW} and ROW.commit == "1234567"
    assert document.read_text().startswith("before\n") and document.read_text().endswith("\nafter\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [("result: 3 done | nothing\n", ("3 done", "nothing")), ("Killed | now", None)],
)
def test_the_last_words_of_a_part(line: str, expected: tuple[str, str] | None) -> None:
    assert results.cells(line) == expected
