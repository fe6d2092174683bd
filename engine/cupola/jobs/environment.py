"""The variables that go with a job: those of an allowlist, so that no secret lands in job.json."""

import re
from collections.abc import Mapping

from cupola import place

NAMES = re.compile(
    "PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|TERM|TZ|TMPDIR|VIRTUAL_ENV|LD_LIBRARY_PATH|CUDA_HOME|CUDA_PATH|"
    "R_LIBS|R_LIBS_USER|R_HOME|JULIA_PROJECT|JULIA_DEPOT_PATH|JAVA_HOME|MPLBACKEND|HF_HOME|TORCH_HOME"
)
PREFIXES = ("LC_", "CONDA_", "PYTHON", "CUPOLA_", "XDG_", "PYENV_")
SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE|API_?KEY|AUTH", re.IGNORECASE)


def allowed(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that a job, or the agent, may take along."""
    return {
        name: value
        for name, value in variables.items()
        if (NAMES.fullmatch(name) or name.startswith(PREFIXES)) and not SECRET.search(name) and name != place.VARIABLE
    }
