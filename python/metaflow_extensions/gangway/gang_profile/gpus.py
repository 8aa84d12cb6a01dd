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
        except ImportError:
            self.why_not = "GPUs are not shown: pip install nvidia-ml-py"
        except Exception as error:  # NVML's own, which only exist where it could be imported
            self.why_not = f"GPUs are not shown: {error}"

    def read(self) -> list[list[float]]:
        """Give percent of use and GB of memory of each; 0 for what a device does not tell."""
        return [[self._use(handle), self._memory(handle)] for handle in self._handles]

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
