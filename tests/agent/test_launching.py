"""The warm starter goes with what is installed: no job runs with a library of before an upgrade."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

LIBRARY = "threadpoolctl"  # one that the starter imports, in one file
SHOWS = f"import {LIBRARY}; print({LIBRARY}.__version__)"
PIPELINE = """\
[steps.before]
type = "Lambda"
function = "steps:version"
[steps.ask]
type = "Callback"
depends_on = ["before"]
[steps.after]
type = "Lambda"
function = "steps:version"
depends_on = ["ask"]
"""
STEPS = f"""\
import shutil
import sys
import time
from pathlib import Path
import cupola

root, packages = map(Path, sys.argv[1:])
ws = cupola.init(root)
(root / "shows.py").write_text({SHOWS!r})
(root / "pipelines").mkdir()
(root / "src").mkdir()
(root / "pipelines" / "asks.toml").write_text({PIPELINE!r})
(root / "src" / "steps.py").write_text("import {LIBRARY}\\ndef version(): return {LIBRARY}.__version__\\n")
library = packages / "{LIBRARY}.py"
source = library.read_text()
for version in ("1", "two"):  # Python takes bytecode of a file of the same second and size for that of this one
    library.write_text(source + f"\\n__version__ = {{version!r}}\\n")
    for old in packages.glob("{LIBRARY}-*"):
        shutil.rmtree(old)
    facts = packages / f"{LIBRARY}-{{version}}.dist-info" / "METADATA"
    facts.parent.mkdir()
    facts.write_text(f"Name: {LIBRARY}\\nVersion: {{version}}\\n")
    made = ws.job.submit([sys.executable, str(root / "shows.py")])
    made.wait(timeout=180)
    print(*ws.job.log(made.job), end="")
    if version == "1":
        asks = ws.pipeline.run("asks")
        while ws.pipeline.show(asks.execution).steps[1].status != "Executing":
            time.sleep(0.05)
ws.pipeline.answer(asks.execution, "ask")
print(*(one.outputs.get("value", "-") for one in asks.wait(timeout=180).steps))
ws.agent.stop(jobs=True)
"""


def test_after_an_upgrade_jobs_and_steps_run_with_the_upgraded_library(home: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    packages = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
    ours = [sysconfig.get_path("purelib"), *(one for one in sys.path if one.endswith(("engine", "tui")))]
    (packages / "ours.pth").write_text("\n".join(ours))
    source = Path(sysconfig.get_path("purelib"), f"{LIBRARY}.py").read_text()
    (packages / f"{LIBRARY}.py").write_text(source)
    script = tmp_path / "steps.py"
    script.write_text(STEPS)
    done = subprocess.run(
        [python, script, tmp_path / "ws", packages], capture_output=True, text=True, timeout=300, env=os.environ
    )
    assert done.stdout.splitlines() == ["1", "two", "1 - two"], done.stderr
