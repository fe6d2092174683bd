"""What is done on all rows at once, as a pandas frame: custom Python, and new rows between neighbours (SMOTE)."""

from typing import Any

from cupola.errors import BadInput, BadOption
from cupola.flows.sql import TRAIN


def run_python(code: str, frame: Any) -> Any:
    """The frame `df` as the code leaves it. The code is the user's own: it runs only where a user has started it.

    Raises BadInput with the line that failed.
    """
    import numpy
    import pandas

    names: dict[str, Any] = {"df": frame.drop(columns=TRAIN), "pd": pandas, "np": numpy}
    try:
        exec(compile(code, "<step>", "exec"), names)
    except SyntaxError as error:
        raise BadOption(f"line {error.lineno} is not Python: {error.msg}") from None
    except (Exception, SystemExit) as error:
        line = _line(error)
        raise BadInput(f"line {line} of the Python failed: {type(error).__name__}: {str(error)[:300]}") from error
    made = names.get("df")
    if not isinstance(made, pandas.DataFrame):
        raise BadInput(f"df is {type(made).__name__} at the end of the Python, and not a DataFrame")
    made = made.reset_index(drop=True)
    made.columns = [str(one) for one in made.columns]
    return made


def _line(error: BaseException) -> int:
    found, trace = 0, error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == "<step>":
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
