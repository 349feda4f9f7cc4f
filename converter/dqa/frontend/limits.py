"""How much a model file may ask for."""

from __future__ import annotations

MAX_MODEL_BYTES = 1 << 30
MAX_CONFIG_BYTES = 64 << 20
CONVERT_SECONDS = 600
PROBE_SECONDS = 120
_MEMORY_BYTES = 24 << 30  # address space; TensorFlow maps several GiB that it never touches


def limit_process() -> None:
    """Bounds memory and the size of written files of this process, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for limit, value in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_FSIZE, 2 * MAX_MODEL_BYTES), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
