"""Compiles C with the host's compiler, once per source, compiler and processor.

What it makes lies in DQA_CACHE_DIR, or dqa's directory in the user's cache, named by a hash of everything it was made from.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from dqa import resources
from dqa.errors import ToolError

_LIBRARY_FLAGS = ("-std=c99", "-O3", "-fPIC", "-shared")
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
_TIMEOUT_S = 300


def executor_sources() -> list[Path]:
    """The C files of the executor."""
    return sorted((_executor() / "src").rglob("*.c"))


def executor_includes() -> list[Path]:
    """Directories of the executor's public and internal headers."""
    return [_executor() / "include", _executor() / "src"]


def _executor() -> Path:
    return resources.path("firmware") / "lib" / "dqa"


@cache
def find_compiler() -> str:
    """The C compiler: $CC, else cc, gcc or clang from PATH. Raises ToolError if there is none."""
    wanted = os.environ.get("CC")
    for name in (wanted,) if wanted else ("cc", "gcc", "clang"):
        found = shutil.which(name)
        if found:
            return found
    raise ToolError(
        f"the C compiler '{wanted}' ($CC) was not found" if wanted else "no C compiler was found (cc, gcc or clang)",
        hint="install one: apt install gcc, xcode-select --install, or MinGW-w64 on Windows; dqa doctor checks it",
    )


def shared_library(name: str, sources: Sequence[Path], includes: Sequence[Path], flags: Sequence[str] = ()) -> Path:
    """A shared library of `sources`, compiled now or taken from the cache. Raises ToolError if the compiler fails."""
    return build(name, _SUFFIX, sources, includes, [*_LIBRARY_FLAGS, *flags])


def build(name: str, suffix: str, sources: Sequence[Path], includes: Sequence[Path], flags: Sequence[str]) -> Path:
    """What the compiler makes of `sources` with exactly these flags (and -march=native if it knows it), cached."""
    compiler = find_compiler()
    headers = [header for directory in includes for header in sorted(directory.rglob("*.h"))]
    digest = hashlib.sha256("\0".join([*flags, compiler, _version(compiler), _processor()]).encode())
    for path in (*sources, *headers):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    made = _cache_directory() / f"{name}-{digest.hexdigest()[:20]}{suffix}"
    if not made.exists():
        _compile(compiler, [*flags, *(f"-I{directory}" for directory in includes), *map(str, sources)], made)
    return made


def _compile(compiler: str, arguments: list[str], made: Path) -> None:
    """Compiles for this processor if the compiler can, else for any; two at once do no harm, the last one stays."""
    handle, name = tempfile.mkstemp(dir=made.parent)
    os.close(handle)
    built = Path(name)
    try:
        for tuning in (["-march=native"], []):
            command = [compiler, *tuning, *arguments, "-o", str(built)]
            try:
                result = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise ToolError(f"the C compiler '{compiler}' does not run: {error}", hint="dqa doctor checks the tools") from error
            if result.returncode == 0:
                built.chmod(0o755)
                built.replace(made)
                return
        lines = [line for line in result.stderr.splitlines() if "error" in line] or result.stderr.splitlines() or ["no message"]
        raise ToolError(f"the C compiler '{compiler}' failed: {lines[0]}", hint="dqa doctor checks the tools")
    finally:
        built.unlink(missing_ok=True)


def _version(compiler: str) -> str:
    try:
        run = subprocess.run([compiler, "--version"], capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolError(f"the C compiler '{compiler}' does not run: {error}", hint="dqa doctor checks the tools") from error
    return run.stdout


def _processor() -> str:
    """What -march=native depends on: a cache may be shared by several machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    features = next((line for line in lines if line.lower().startswith(("flags", "features"))), platform.processor())
    return platform.machine() + features


@cache
def _cache_directory() -> Path:
    """The cache, or where it cannot be written, a directory of this process."""
    home = {"win32": "~/AppData/Local", "darwin": "~/Library/Caches"}.get(sys.platform, os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    directory = Path(os.environ.get("DQA_CACHE_DIR") or Path(home) / "dqa").expanduser()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            return directory
    except OSError:
        return Path(tempfile.mkdtemp(prefix="dqa-"))
