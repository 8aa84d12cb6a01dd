"""The use of a node's GPUs through NVML, where there are any and pynvml can be imported."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

_GB = 1e9


class Gpus:
    """Some of this machine's GPUs.

    Parameters
    ----------
    devices : sequence of str
        What CUDA_VISIBLE_DEVICES calls them: numbers or UUIDs.

    Attributes
    ----------
    names : list of str
        The model of each.
    why_not : str
        Why there is nothing to read although there are devices, or an empty string.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        self.names: list[str] = []
        self.why_not = ""
        self._handles: list[Any] = []
        self._seen: list[int] = []  # microseconds of each device's clock
        if not devices:
            return
        try:
            import pynvml

            self._nvml: Any = pynvml
            pynvml.nvmlInit()
            for device in devices:
                handle = self._find(device.strip())
                self.names.append(_text(pynvml.nvmlDeviceGetName(handle)))
                self._handles.append(handle)
                self._seen.append(0)
        except ImportError:
            self.why_not = "GPUs are not shown: pip install nvidia-ml-py"
        except Exception as error:  # NVML's own, which only exist where it could be imported
            self.why_not = f"GPUs are not shown: {error}"

    def read(self) -> list[list[float]]:
        """Give percent of use and GB of memory of each; 0 for what a device does not tell."""
        return [[self._use(handle), self._memory(handle)] for handle in self._handles]

    def by_process(self) -> dict[int, tuple[float, float]]:
        """Give percent of use and GB of memory by process, as far as the driver tells.

        In a container it may know processes by other numbers than these.
        """
        found: dict[int, tuple[float, float]] = {}
        for i, handle in enumerate(self._handles):
            uses = self._uses(i, handle)
            with contextlib.suppress(self._nvml.NVMLError):
                for process in self._nvml.nvmlDeviceGetComputeRunningProcesses(handle):
                    use, memory = found.get(process.pid, (0.0, 0.0))
                    memory += (process.usedGpuMemory or 0) / _GB
                    found[process.pid] = (use + uses.get(process.pid, 0.0), memory)
        return found

    def _uses(self, i: int, handle: Any) -> dict[int, float]:
        """Percent of a device that each process has used since the last call, by its samples."""
        samples: dict[int, list[float]] = {}
        since = self._seen[i]
        with contextlib.suppress(self._nvml.NVMLError):  # also if there are none since then
            for one in self._nvml.nvmlDeviceGetProcessUtilization(handle, since):
                if one.timeStamp > since:
                    samples.setdefault(one.pid, []).append(one.smUtil)
                    self._seen[i] = max(one.timeStamp, self._seen[i])
        return {pid: sum(values) / len(values) for pid, values in samples.items()}

    def _find(self, device: str) -> Any:
        if device.isdigit():
            return self._nvml.nvmlDeviceGetHandleByIndex(int(device))
        return self._nvml.nvmlDeviceGetHandleByUUID(device.encode())

    def _use(self, handle: Any) -> float:
        with contextlib.suppress(self._nvml.NVMLError):  # a slice of a device has none of its own
            return float(self._nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        return 0.0

    def _memory(self, handle: Any) -> float:
        with contextlib.suppress(self._nvml.NVMLError):
            return float(round(self._nvml.nvmlDeviceGetMemoryInfo(handle).used / _GB, 3))
        return 0.0


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
