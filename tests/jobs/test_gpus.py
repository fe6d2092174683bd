"""The edge to NVML, with a stand-in of its shape: this project is tested on machines without a GPU."""

import sys
from types import SimpleNamespace

import pytest

from cupola.jobs import gpus


class NVMLError(Exception):
    pass


def nvml(count: int = 2, *, driver: bool = True) -> SimpleNamespace:
    def init() -> None:
        if not driver:
            raise NVMLError("Driver Not Loaded")

    def rates(handle: int) -> SimpleNamespace:
        if handle == 1:
            raise NVMLError("Not Supported")
        return SimpleNamespace(gpu=61)

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=init,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: count,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda handle: b"H100" if handle else "H100",
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(total=80 << 30, used=1 << 30),
        nvmlDeviceGetUtilizationRates=rates,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [SimpleNamespace(pid=9), SimpleNamespace(pid=3)],
    )


def test_every_card_is_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    first, second = gpus.cards()
    assert (first.index, first.name, first.memory, first.memory_used) == (0, "H100", 80 << 30, 1 << 30)
    assert (first.utilization, second.utilization) == (61, None)
    assert (second.name, second.processes) == ("H100", [3, 9])


def test_no_driver_or_no_library_is_no_card(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml(driver=False))
    assert gpus.cards() == []
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpus.cards() == []
