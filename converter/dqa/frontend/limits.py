"""How much a model file may ask for."""

from __future__ import annotations

import os
from pathlib import Path

MAX_MODEL_BYTES = 1 << 30
MAX_CONFIG_BYTES = 64 << 20
MAX_LAYERS = 10_000
MAX_EXPANSION = 100
"""How many times its own size a file may unpack to, past SMALL_BYTES: weights of a trained network hardly shrink."""
SMALL_BYTES = 64 << 20
MAX_ACTIVATION = 1e15
"""Sums of the squares of activations are float32."""
CONVERT_SECONDS = 600
PROBE_SECONDS = 120
_MAPPED_BYTES = 6 << 30  # TensorFlow maps some GiB that it never touches
_LEAST_BYTES = 2 << 30
_CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_bytes() -> int:
    """The memory this process can have: the machine's, or the container's where that is less. 0 where the system does not say."""
    try:
        found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, OSError, ValueError):
        return 0
    for path in _CGROUP_LIMITS:
        try:
            found.append(int(Path(path).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return min(found)


def limit_process() -> None:
    """Bounds memory and the size of written files of this process, where the system can.

    The address space may be that of the machine's memory, and what TensorFlow maps besides: who asks for more is refused here, before
    the machine swaps or kills what else it runs.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    memory = memory_bytes()
    limits = [(resource.RLIMIT_FSIZE, 2 * MAX_MODEL_BYTES), (resource.RLIMIT_CORE, 0)]
    if memory:
        limits.append((resource.RLIMIT_AS, max(memory * 3 // 4, _LEAST_BYTES) + _MAPPED_BYTES))
    for limit, value in limits:
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
