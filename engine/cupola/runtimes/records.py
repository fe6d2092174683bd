"""What is said of how a version is run: which runtime was chosen, and what was measured for it."""

import contextlib
from importlib.metadata import PackageNotFoundError, version

import msgspec

COMPILED, NATIVE, AUTO = "compiled", "native", "auto"
CHOICES = (AUTO, COMPILED, NATIVE)


PACKAGES = ("cupola", "treelite", "scikit-learn", "numpy", "lightgbm", "xgboost", "xgboost-cpu")


class Report(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Which runtime answers as a version does, measured on one host.

    reason: one sentence on why it is native; empty where it is compiled. rows: so many were answered by both.
    difference: the largest between two figures, as a share of the larger where that is above 1. precision: of the
    compiled figures ("float64", "float32"), which decides how far they may differ. compiled_ms, native_ms: the median
    time of one row. bytes: of the compiled form. environment: the packages that it was made with.
    """

    runtime: str
    reason: str = ""
    rows: int = 0
    difference: float | None = None
    precision: str = ""
    compiled_ms: float | None = None
    native_ms: float | None = None
    bytes: int = 0
    environment: str = ""
    host: str = ""
    time: str = ""

    @property
    def why(self) -> str:
        """Why it is run so, in a few words."""
        if self.runtime == NATIVE or self.difference is None:
            return self.reason
        apart = f"to {self.difference:.1g}" if self.difference else "to the last bit"
        times = f"{self.compiled_ms:.3g} ms a row, native {self.native_ms:.3g} ms"
        return f"as the native model on {self.rows} rows {apart}; {times}"


def environment() -> str:
    """The packages that a compiled model, and its comparison, hang on."""
    found = []
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)
