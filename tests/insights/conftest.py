"""Tables as versions of a dataset, and what the report says of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cupola.datasets import importing, querying
from cupola.datasets.records import DatasetVersion, ImportOptions
from cupola.insights import examining
from cupola.insights.records import LEAKAGE, DataWarning, Report
from cupola.workspace import Workspace

DATA = Path(__file__).parents[2] / "workspaces" / "flights" / "data"
ROLES = {"scheduled": "time", "flight": "id"}


@dataclass
class Looked:
    """A version and its report."""

    ws: Workspace
    version: DatasetVersion
    report: Report

    def of(self, kind: str, *columns: str) -> DataWarning:
        """The warning of that kind, about these columns where some are named."""
        found = [
            one for one in self.report.warnings if one.kind == kind and (not columns or {*columns} == {*one.columns})
        ]
        assert found, f"no {kind} {columns} among {self.kinds}"
        return found[0]

    @property
    def kinds(self) -> list[str]:
        return [one.kind for one in self.report.warnings]

    @property
    def leaking(self) -> set[str]:
        """The columns that warnings about leakage name."""
        return {name for one in self.report.warnings if one.kind.startswith(LEAKAGE) for name in one.columns}

    def selected(self, warning: DataWarning) -> list[list[Any]]:
        """The rows that the filter of a warning selects, as the preview shows them."""
        return querying.preview(self.ws.store, self.version, 100_000, None, warning.filter).rows


Look = Callable[..., Looked]


@pytest.fixture
def look(workspace: Workspace, tmp_path: Path) -> Look:
    """Imports a frame, or a file, and looks it over."""

    def looks(data: pd.DataFrame | Path, target: str | None = "y", roles: dict[str, Any] | None = None) -> Looked:
        path = data if isinstance(data, Path) else tmp_path / "given.parquet"
        if isinstance(data, pd.DataFrame):
            data.to_parquet(path, index=False)
        options = ImportOptions(target=target, roles=roles or {})
        version = importing.run(workspace.store, "given", path, options, lambda *_: None)
        return Looked(workspace, version, examining.report(workspace.store, version, target, lambda *_: None))

    return looks
