"""The variables that go with a job: those of an allowlist, so that no secret lands in job.json."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from cupola import place

NAMES = re.compile(
    "PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|TERM|TZ|TMPDIR|VIRTUAL_ENV|LD_LIBRARY_PATH|CUDA_HOME|CUDA_PATH|"
    "R_LIBS|R_LIBS_USER|R_HOME|JULIA_PROJECT|JULIA_DEPOT_PATH|JAVA_HOME|MPLBACKEND|HF_HOME|TORCH_HOME"
)
PREFIXES = ("LC_", "CONDA_", "PYTHON", "CUPOLA_", "XDG_", "PYENV_")
# Where its filer stands, what that one logs to, and the job that it is itself.
NOT_ITS_OWN = (
    place.VARIABLE, "CUPOLA_RUN", "CUPOLA_RUN_DIR", "CUPOLA_WORKSPACE", "CUPOLA_JOB_DIR", "CUPOLA_ATTEMPT",
    "CUPOLA_ATTEMPT_DIR", "CUPOLA_CHECKPOINTS",
)  # fmt: skip
SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE|API_?KEY|AUTH", re.IGNORECASE)


def allowed(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that a job, or the agent, may take along; of a job's, without where its own code is found."""
    found = {
        name: value
        for name, value in variables.items()
        if (NAMES.fullmatch(name) or name.startswith(PREFIXES)) and not SECRET.search(name) and name not in NOT_ITS_OWN
    }
    if "CUPOLA_JOB_DIR" in variables and "PYTHONPATH" in found:
        code = Path(variables["CUPOLA_JOB_DIR"]), Path(variables.get("CUPOLA_WORKSPACE", ""), "src")
        paths = found.pop("PYTHONPATH").split(os.pathsep)
        if kept := [path for path in paths if not any(Path(path).is_relative_to(one) for one in code)]:
            found["PYTHONPATH"] = os.pathsep.join(kept)
    return found
