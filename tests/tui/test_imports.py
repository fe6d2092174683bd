"""What opening the app loads: the first frame waits for all of it."""

import subprocess
import sys

HEAVY = (
    "sklearn",
    "pandas",
    "pyarrow",
    "duckdb",
    "numpy",
    "scipy",
    "joblib",
    "skops",
    "plotext",
    "textual_plotext",
    "tomlkit",
    "cyclopts",
    "starlette",
    "uvicorn",
)


def test_the_app_loads_nothing_heavy_and_no_pane_but_the_one_in_front() -> None:
    code = "import sys, cupola_tui.app, cupola_tui.studio; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name.split(".")[0] in HEAVY]
    own = [name for name in loaded if name.startswith("cupola_tui")]
    assert not [name for name in own if name.endswith((".form", ".palette", ".choice", ".help", ".compare", ".plot"))]
    assert len(own) < 45


def test_the_entry_loads_textual_only_after_the_reader_was_started() -> None:
    code = "import sys, cupola_tui.app, cupola_tui.live, cupola_tui.guard; print('textual' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )
