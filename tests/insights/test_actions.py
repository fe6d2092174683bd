"""The report as people ask for it: made once by a job, kept with the version, written to files; its fixes in flows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cupola
from cupola import actions
from cupola.errors import BadInput, BadOption, ReadOnly
from cupola.flows import records as flows
from cupola.flows.records import Flow
from cupola.insights import records
from cupola.insights.actions import Fixed
from cupola.insights.records import Report
from cupola.jobs import records as jobs
from cupola.workspace import Workspace


@pytest.fixture(scope="module")
def ws(host: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a dataset whose warnings are known."""
    directory = tmp_path_factory.mktemp("insights")
    ws = Workspace.init(directory / "workspace")
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 400)
    table = pd.DataFrame({"word": np.where(y, "yes", "no"), "x": random.normal(size=400), "same": ["a"] * 400, "y": y})
    table.to_csv(directory / "given.csv", index=False)
    actions.run(ws, "dataset import", source=str(directory / "given.csv"), name="given", target="y")
    return ws


def report(ws: Workspace, **more: str) -> Report:
    found = actions.run(ws, "dataset report", dataset="given", **more)
    assert isinstance(found, Report)
    return found


def fix(ws: Workspace, *numbers: int, **more: str) -> Fixed:
    found = actions.run(ws, "dataset fix", dataset="given", warnings=list(numbers), **more)
    assert isinstance(found, Fixed)
    return found


def of_reports(ws: Workspace) -> int:
    return sum(one.kind == "report" for one in jobs.ls(ws.store))


def test_a_report_is_made_once_and_again_for_another_target(ws: Workspace) -> None:
    first = report(ws)
    assert [one.kind for one in first.warnings] == ["leakage_column", "constant"] and first.rows == 400
    made = of_reports(ws)
    assert report(ws) == first and of_reports(ws) == made
    readonly = cupola.open(ws.root, readonly=True)
    assert readonly.dataset.report("given").warnings == first.warnings
    with pytest.raises(ReadOnly, match="no report has been made"):
        readonly.dataset.report("given", target="x")
    assert report(ws, target="x").target.column == "x" and of_reports(ws) == made + 1  # type: ignore[union-attr]
    assert report(ws, target="").target is None
    with pytest.raises(BadOption, match="no column 'z'"):
        report(ws, target="z")


def test_a_damaged_report_is_made_anew(ws: Workspace) -> None:
    first = report(ws)
    for path in (ws.root / "datasets" / "given").glob("*/reports/*.json"):
        path.write_bytes(path.read_bytes()[:100])
    assert report(ws) == first


def test_the_roles_of_columns_are_part_of_what_is_asked(ws: Workspace) -> None:
    before = records.key(cupola_version(ws), "y")
    actions.run(ws, "dataset set", dataset="given", role={"word": "ignore"})
    assert records.key(cupola_version(ws), "y") != before
    assert [one.kind for one in report(ws).warnings] == ["constant"]
    actions.run(ws, "dataset set", dataset="given", role={"word": "feature"})
    assert records.key(cupola_version(ws), "y") == before


def cupola_version(ws: Workspace):  # type: ignore[no-untyped-def]
    from cupola.datasets import records as datasets

    return datasets.find(ws.store, "given")


def test_it_is_written_as_html_and_markdown(ws: Workspace, tmp_path: Path) -> None:
    page, text = tmp_path / "report.html", tmp_path / "report.md"
    report(ws, html=str(page), markdown=str(text))
    assert "default-src 'none'" in page.read_text() and "leakage_column" in page.read_text()
    assert (
        text.read_text().startswith("# Report of given@1-")
        and "1. **leakage_column** word alone tells y" in text.read_text()
    )
    with pytest.raises(BadInput, match="a file or directory stands there"):
        report(ws, html=str(page))
    with pytest.raises(BadInput, match="no such directory"):
        report(ws, html=str(tmp_path / "none" / "report.html"))


def test_a_fix_makes_a_flow_and_is_added_once(ws: Workspace) -> None:
    first = fix(ws, 1)
    assert first.made and first.flow == "given-prepared" and first.words == ["leave word out"]
    again = fix(ws, 1, 2)
    assert not again.made and [one.params for one in again.steps] == [{"columns": ["same"]}]
    flow = flows.find(ws.store, "given-prepared")
    assert flow.sources == {"given": "given"} and [one.type for one in flow.steps] == ["drop-columns", "drop-columns"]
    mended = actions.run(ws, "flow report", flow="given-prepared")
    assert (
        isinstance(mended, Report)
        and mended.dataset == "given-prepared"
        and mended.columns == 2
        and not mended.warnings
    )


def test_of_several_flows_one_is_to_be_named(ws: Workspace) -> None:
    flows.create(ws.store, Flow(name="other", sources={"d": "given@1"}))
    with pytest.raises(BadOption, match="flows take given"):
        fix(ws, 2)
    assert fix(ws, 2, flow="other").flow == "other"
    with pytest.raises(BadOption, match="there is no warning 9"):
        fix(ws, 9, flow="other")


def test_what_was_mended_is_not_warned_of_again(ws: Workspace, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    gone = random.random((4, 400)) < np.array([[0.01], [0.02], [0.03], [0.03]])
    gone[3] = gone[2]
    table = pd.DataFrame(random.normal(size=(400, 4)), columns=["a", "b", "c", "d"]).mask(gone.T)
    table = table.assign(b=pd.Series(random.choice(["x", "y"], 400)).mask(gone[1]))
    off, rows = random.random((400, 5)) < 0.1, np.arange(400)
    table = table.assign(**{f"off{one}": np.where(off[:, one], -999, random.integers(0, 90, 400)) for one in range(5)})
    table = table.assign(
        **{f"far{one}": np.where(rows == 40 + 9 * one, 99.0, random.normal(size=400)) for one in range(5)}
    )
    pd.concat([table, table.head(30)]).to_csv(tmp_path / "twice.csv", index=False)
    actions.run(ws, "dataset import", source=str(tmp_path / "twice.csv"), name="twice")
    found = actions.run(ws, "dataset report", dataset="twice")
    assert isinstance(found, Report)
    kinds = [one.kind for one in found.warnings]
    few = ["missing_few", "missing_few", "missing_together", "outliers"]
    assert kinds == ["disguised_missing", "duplicate_rows", *few] and len(found.warnings[0].by_column) == 5
    numbers = [5, 3, 4, 6, 2, 1]  # in whichever order they are asked for
    done = actions.run(ws, "dataset fix", dataset="twice", warnings=numbers)
    assert isinstance(done, Fixed) and len(done.steps) == 6
    order = [one.type for one in flows.find(ws.store, done.flow).steps]
    fills = ["missing-indicator", "fill-missing", "fill-missing"]
    assert [one for one in order if one in fills] == fills
    mended = actions.run(ws, "flow report", flow=done.flow)
    assert isinstance(mended, Report) and mended.rows == 400
    assert [(one.kind, len(one.columns)) for one in mended.warnings] == [("missing", 5)]  # what was blanked


def test_what_is_blanked_is_blanked_before_it_is_filled_or_read_as_numbers(ws: Workspace, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    told = np.where(random.random(400) < 0.05, "N/A", random.integers(0, 60, 400).astype(str))
    pd.DataFrame({"told": np.where(random.random(400) < 0.1, "about ten", told)}).to_csv(tmp_path / "told.csv")
    actions.run(ws, "dataset import", source=str(tmp_path / "told.csv"), name="told")
    found = actions.run(ws, "dataset report", dataset="told")
    assert isinstance(found, Report)
    place = {one.kind: number for number, one in enumerate(found.warnings, 1) if one.columns == ["told"]}
    done = actions.run(ws, "dataset fix", dataset="told", warnings=[place["mixed_types"], place["disguised_missing"]])
    assert isinstance(done, Fixed)
    assert [one.type for one in flows.find(ws.store, done.flow).steps] == ["blank-values", "parse-type"]
