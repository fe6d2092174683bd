"""PyTorch: the loss that is propagated back and the learning rate, by the steps of the optimizers."""

import functools
import sys
import time
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from cupola.tracking import run as tracking
from cupola.tracking.active import ActiveRun
from cupola.tracking.libraries.logging import quietly

EVERY = 0.1  # seconds: reading a value off a GPU waits for all that was started there


class Steps:
    """How far an optimizer is; `suffix` tells the second one of a script from the first."""

    def __init__(self, suffix: str) -> None:
        self.suffix = suffix
        self.count = 0
        self.logged = 0.0
        self.run = ""


_optimizers: "WeakKeyDictionary[Any, Steps]" = WeakKeyDictionary()
_loss: list[Any] = [None]  # the tensor that was propagated back last, detached


def touch(torch: ModuleType) -> None:
    library: Any = torch
    backward = library.Tensor.backward

    @functools.wraps(backward)
    def logged(self: Any, *given: Any, **named: Any) -> Any:
        if self.numel() == 1:
            _loss[0] = self.detach()
        return backward(self, *given, **named)

    library.Tensor.backward = logged
    optimizer: Any = sys.modules["torch.optim.optimizer"]  # older ones take the name away from torch.optim
    optimizer.register_optimizer_step_post_hook(_stepped)


def _stepped(optimizer: Any, given: Any, named: Any) -> None:
    run = tracking.current()
    if run is not None:
        quietly(lambda: _log(run, optimizer))


def _log(run: ActiveRun, optimizer: Any) -> None:
    steps = _optimizers.get(optimizer)
    if steps is None:
        steps = _optimizers[optimizer] = Steps(f"_{len(_optimizers) + 1}" if _optimizers else "")
    if steps.run != run.id:
        steps.run = run.id
        run.log_params(_params(optimizer, steps.suffix))
    moment = time.monotonic()
    if moment - steps.logged >= EVERY:
        steps.logged = moment
        if _loss[0] is not None:
            run.log_metric(f"loss{steps.suffix}", _loss[0], step=steps.count)
        for place, group in enumerate(optimizer.param_groups):
            run.log_metric(f"lr{steps.suffix}" + (f".{place}" if place else ""), group["lr"], step=steps.count)
    steps.count += 1


def _params(optimizer: Any, suffix: str) -> dict[str, Any]:
    size = sum(one.numel() for group in optimizer.param_groups for one in group["params"])
    found = {f"optimizer{suffix}": type(optimizer).__name__, f"parameters{suffix}": size}
    settings = {name: value for name, value in optimizer.defaults.items() if value is not None}
    return found | {f"optimizer{suffix}.{name}": value for name, value in settings.items()}
