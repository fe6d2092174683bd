"""Cupola: data, training, registry and endpoints in one directory.

    import cupola

    ws = cupola.open(".")
    run = ws.train(dataset="flights", target="late", estimator="HistGradientBoostingClassifier").wait()

See `cupola.api` for how commands become methods.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cupola.api import Started, Workspace, init, open

__all__ = ["Started", "Workspace", "init", "open"]


def __getattr__(name: str) -> Any:
    # Loaded when used: every `import cupola.x` passes here, in processes that start in milliseconds.
    if name in __all__:
        from cupola import api

        return getattr(api, name)
    raise AttributeError(f"module 'cupola' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
