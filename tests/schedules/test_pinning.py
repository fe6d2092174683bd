"""What a schedule runs is signed with all code of the workspace that it imports."""

import msgspec

from cupola.schedules import pinning
from cupola.workspace import Workspace


def test_modules_beside_a_script_and_a_notebook_are_signed_with_it(workspace: Workspace) -> None:
    cell = {"cell_type": "code", "source": "import other"}
    written = {
        "jobs/run.py": "import common, json",
        "jobs/common.py": "from inner import leaf",
        "jobs/inner/__init__.py": "",
        "jobs/inner/leaf.py": "",
        "jobs/apart.py": "",
        "other.py": "",
        "notebooks/n.ipynb": msgspec.json.encode({"cells": [cell]}).decode(),
        "pipelines/p.toml": '[steps.n]\ntype = "NotebookJob"\nnotebook = "notebooks/n.ipynb"\n',
    }
    for path, text in written.items():
        (workspace.root / path).parent.mkdir(exist_ok=True)
        (workspace.root / path).write_text(text)

    def signed(action: str, arguments: dict[str, object]) -> set[str]:
        return {*msgspec.json.decode(pinning.of(workspace.store, action, arguments))}

    of_script = signed("job submit", {"command": ["python", "jobs/run.py"]})
    assert of_script == {"jobs/run.py", "jobs/common.py", "jobs/inner/__init__.py", "jobs/inner/leaf.py"}
    of_pipeline = signed("pipeline run", {"pipeline": "p"})
    assert of_pipeline == {"pipelines/p.toml", "notebooks/n.ipynb", "other.py"}
