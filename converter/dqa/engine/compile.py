"""Compiles C with the host's compiler, once per source, compiler and processor.

What it makes lies in DQA_CACHE_DIR, or dqa's directory in the user's cache, named by a hash of everything it was made from;
the digest beside it tells whether it is whole.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from dqa.errors import DqaError, ToolError
from dqa.support import processes, resources
from dqa.support.files import write_atomically

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
    """What the compiler makes of `sources` with exactly these flags (and -march=native if it knows it), cached and whole."""
    compiler = find_compiler()
    headers = [header for directory in includes for header in sorted(directory.rglob("*.h"))]
    digest = hashlib.sha256("\0".join([*flags, compiler, _version(compiler), _processor()]).encode())
    for path in (*sources, *headers):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    made = _cache_directory() / f"{name}-{digest.hexdigest()[:20]}{suffix}"
    if not _is_whole(made):
        content = _compile(compiler, [*flags, *(f"-I{directory}" for directory in includes), *map(str, sources)])
        try:
            _keep(made, content)
        except DqaError:  # there is no room for it, for example
            made = _own_directory() / made.name
            _keep(made, content)
    return made


def _keep(made: Path, content: bytes) -> None:
    """Two processes at once do no harm: a digest that is not of the library beside it only costs another compilation."""
    write_atomically(made, content)
    made.chmod(0o755)
    write_atomically(_digest_file(made), _digest(content))


def _is_whole(made: Path) -> bool:
    """Whether a library is what was written: loading one that is cut off or damaged would end the process."""
    try:
        return _digest_file(made).read_text() == _digest(made.read_bytes())
    except (OSError, ValueError):
        return False


def _digest_file(made: Path) -> Path:
    return made.with_name(f"{made.name}.sha256")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() + "\n"


def _compile(compiler: str, arguments: list[str]) -> bytes:
    """What the compiler makes, for this processor if it can, else for any."""
    with processes.folder() as folder:
        built = folder / "built"
        for tuning in (["-march=native"], []):
            result = _call([compiler, *tuning, *arguments, "-o", str(built)])
            if result.returncode == 0 and built.is_file():
                return built.read_bytes()
    lines = [line for line in result.stderr.splitlines() if "error" in line] or result.stderr.splitlines() or ["no message"]
    raise ToolError(f"the C compiler '{compiler}' failed: {lines[0]}", hint="dqa doctor checks the tools")


def _version(compiler: str) -> str:
    return _call([compiler, "--version"]).stdout


def _call(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return processes.run(command, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"the C compiler '{command[0]}' does not run: {error}", hint="dqa doctor checks the tools") from error


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
    """The cache, or where there is none that can be written, a directory of this process."""
    for directory in _places():
        with contextlib.suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory):
                return directory
    return _own_directory()


@cache
def _own_directory() -> Path:
    """For what only this process has; gone when it ends."""
    opened = contextlib.ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(processes.folder())


def _places() -> Iterator[Path]:
    """Where the cache should be: as DQA_CACHE_DIR says, else where the system's caches are, if the user has a home at all."""
    if wanted := os.environ.get("DQA_CACHE_DIR"):
        yield Path(wanted).absolute()
        return
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if shared.is_absolute() and sys.platform not in ("win32", "darwin"):  # as its specification says
        yield shared / "dqa"
        return
    with contextlib.suppress(RuntimeError):  # no HOME, and the system does not know the user
        home = Path.home()
        if home.is_absolute() and os.environ.get("HOME") != "":  # which Python takes for the root directory
            yield home / {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache") / "dqa"
