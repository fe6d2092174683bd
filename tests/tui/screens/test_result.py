import pytest

from cupola_tui import figures
from cupola_tui.screens.result import Result

ANSWER = {
    "endpoint": "late",
    "milliseconds": 4.8,
    "answer": {"predictions": [False, True], "probabilities": [[0.885, 0.115], [0.2, 0.8]], "classes": [False, True]},
}


def text(result: object) -> list[str]:
    return ["".join(span for span, _ in line).strip() for line in Result("it", result).lines(76)]


def test_predictions_stand_beside_their_probabilities() -> None:
    said = text(ANSWER)
    assert said[:2] == ["endpoint      late", "milliseconds  4.8"]
    assert [line.split() for line in said[-3:]] == [
        ["row", "predicted", "no", "yes"],
        ["1", "no", "88.5%", "11.5%"],
        ["2", "yes", "20.0%", "80.0%"],
    ]


def test_a_list_of_records_is_a_table() -> None:
    assert text([{"a": 1, "b": "x"}, {"a": 22, "b": "yy"}]) == ["a   b", "1   x", "22  yy"]


def test_only_the_columns_that_there_is_room_for_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[object] = []

    def given(value: object) -> str:
        written.append(value)
        return str(value)

    monkeypatch.setattr(figures, "given", given)
    head = text([{f"c{place}": place for place in range(2000)}] * 3)[0]
    assert len(written) < 100 and head.startswith("c0  c1") and len(head) < 80


def test_records_within_a_record_are_a_table_whose_last_column_has_the_rest() -> None:
    why = "it ends within a record: its writer was killed"
    said = text({"runs": 3, "skipped": [{"what": "a", "why": why}, {"what": "bb", "why": "no"}]})
    assert said == ["runs  3", "", "skipped", "what  why", f"a     {why}", "bb    no"]


def test_an_inner_record_is_no_absence() -> None:
    assert figures.short({"a": 1}) == "a=1" and figures.short({}) == figures.ABSENT


def test_plots_are_drawn() -> None:
    from tests.tui.evidence import plots

    said = "\n".join(text({"run": "r1", "plots": plots(), "saved": []}))
    assert "ROC (validation)" in said and "92.7% right" not in said and "93.2% right" in said and "█" in said
