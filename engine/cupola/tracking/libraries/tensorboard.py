"""TensorBoard: scalars that a script gives to PyTorch's SummaryWriter."""

import functools
from types import ModuleType
from typing import Any

from cupola.tracking import run as tracking
from cupola.tracking.libraries.logging import quietly


def touch(module: ModuleType) -> None:
    """`module` is torch.utils.tensorboard.writer."""
    writer: Any = getattr(module, "SummaryWriter")  # noqa: B009
    add_scalar = writer.add_scalar

    @functools.wraps(add_scalar)
    def logged(self: Any, tag: Any, scalar_value: Any, global_step: Any = None, *given: Any, **named: Any) -> Any:
        run = tracking.current()
        if run is not None:
            quietly(lambda: run.log_metric(tag, scalar_value, step=global_step))
        return add_scalar(self, tag, scalar_value, global_step, *given, **named)

    writer.add_scalar = logged
