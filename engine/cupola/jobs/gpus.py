"""The GPUs of this host as NVML sees them, read only; none where there is no driver."""

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec


class Card(msgspec.Struct, kw_only=True):
    """A GPU now: memory in bytes, use in percent, and the processes (of anybody) that have memory on it."""

    index: int
    name: str
    memory: int
    memory_used: int
    utilization: int | None
    processes: list[int]


def cards() -> list[Card]:
    """All GPUs of this host; [] when NVML or its driver is not there."""
    with _nvml() as nvml:
        if nvml is None:
            return []
        return [_card(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]


@contextlib.contextmanager
def _nvml() -> Iterator[Any]:
    """NVML, ready for use; None where it is not to be had."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except (ImportError, OSError):
        yield None
        return
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _card(nvml: Any, index: int) -> Card:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    name = nvml.nvmlDeviceGetName(handle)
    return Card(
        index=index,
        name=name.decode() if isinstance(name, bytes) else name,
        memory=memory.total,
        memory_used=memory.used,
        utilization=_utilization(nvml, handle),
        processes=_processes(nvml, handle),
    )


def _utilization(nvml: Any, handle: Any) -> int | None:
    """Not every card tells (MIG ones do not)."""
    try:
        return int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except nvml.NVMLError:
        return None


def _processes(nvml: Any, handle: Any) -> list[int]:
    try:
        return sorted(one.pid for one in nvml.nvmlDeviceGetComputeRunningProcesses(handle))
    except nvml.NVMLError:
        return []
