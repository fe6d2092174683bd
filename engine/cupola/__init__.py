"""Cupola: data, training, registry and endpoints in one directory.

    import cupola

    ws = cupola.open(".")
    run = ws.train(dataset="flights", target="late", estimator="HistGradientBoostingClassifier").wait()

See `cupola.api` for how commands become methods. What any script trains becomes a run:

    with cupola.run(params={"lr": 0.1}) as run:
        run.log_metric("loss", 0.3, step=4)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cupola.api import Started, Workspace, init, open
    from cupola.tracking.active import ActiveRun
    from cupola.tracking.autologging import autolog
    from cupola.tracking.run import run

__all__ = ["ActiveRun", "Started", "Workspace", "autolog", "init", "open", "run"]
TRACKING = {"run": "run", "ActiveRun": "active", "autolog": "autologging"}  # where in cupola.tracking


def __getattr__(name: str) -> Any:
    # Loaded when used: every `import cupola.x` passes here, in processes that start in milliseconds.
    if name in TRACKING:
        from importlib import import_module

        return getattr(import_module(f"cupola.tracking.{TRACKING[name]}"), name)
    if name in __all__:
        from cupola import api

        return getattr(api, name)
    raise AttributeError(f"module 'cupola' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
