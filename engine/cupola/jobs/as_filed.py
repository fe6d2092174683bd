"""Runs the copy of a script under the script's own name, in any Python 3; it imports nothing of Cupola.

`python as_filed.py COPY NAME FIRST TYPED ARGUMENT ...`: the text of COPY, with NAME as its `__file__`, FIRST as the
place that modules are imported from first, and [TYPED, ARGUMENT, ...] as sys.argv.
"""


def _begin():  # type: ignore[no-untyped-def]
    """Makes this process what it would be if NAME had been started; what is then to be run."""
    import os
    import sys

    own, copy, name, first = sys.argv[:4]
    del sys.argv[:4]

    def excepthook(kind, error, traceback):  # type: ignore[no-untyped-def]
        """As the interpreter's own, without the lines of this file."""
        while traceback is not None and traceback.tb_frame.f_code.co_filename == own:
            traceback = traceback.tb_next
        sys.__excepthook__(kind, error.with_traceback(traceback), traceback)

    sys.excepthook = excepthook
    if sys.path[:1] == [os.path.dirname(os.path.realpath(own))]:  # noqa: PTH120 - not so with -I and -P
        sys.path[0] = first
    loader = type(globals()["__loader__"])("__main__", name)
    globals().update(__doc__=None, __file__=name, __loader__=loader)
    with open(copy, "rb") as file:  # noqa: PTH123
        return compile(file.read(), name, "exec", dont_inherit=True)


exec(globals().pop("_begin")())
