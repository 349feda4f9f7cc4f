"""What dqa needs on this machine: what is there, what is missing, and how to get it."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from dqa.errors import ToolError
from dqa.support import processes

Probe = Callable[[], str | None]
"""The version found (or "found"), None if the tool is missing."""


@dataclass(frozen=True)
class Tool:
    """Something dqa uses. `get` is how to get it, by `platform.system()`; "" is for every system."""

    name: str
    purpose: str
    required: bool
    probe: Probe
    get: dict[str, str]


@dataclass(frozen=True)
class Finding:
    """The state of a tool here: `version` is None if it is missing, `get` says how to get it then."""

    name: str
    purpose: str
    required: bool
    version: str | None
    get: str

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def examine() -> list[Finding]:
    """Looks for every tool; runs nothing but `TOOL --version`, imports nothing heavy."""
    findings = []
    for tool in TOOLS:
        version = tool.probe()
        findings.append(Finding(tool.name, tool.purpose, tool.required, version, "" if version else how_to_get(tool)))
    return findings


def how_to_get(tool: Tool) -> str:
    """The command, or the address, for this system."""
    return tool.get.get(platform.system(), tool.get.get("", ""))


def complete(findings: list[Finding]) -> bool:
    """Whether nothing required is missing."""
    return all(finding.version or not finding.required for finding in findings)


def _python() -> str | None:
    return platform.python_version() if sys.version_info >= (3, 11) else None


def _command(*names: str) -> Probe:
    """The version of the first of the commands that is on the PATH and runs."""

    def probe() -> str | None:
        for name in names:
            path = shutil.which(name)
            output = _output(path, "--version") if path else None
            if output is not None:
                found = re.search(r"\d+(\.\d+)+", re.sub(r"\([^)]*\)", "", output))
                return f"{Path(name).name} {found[0]}" if found else name
        return None

    return probe


def _output(*command: str) -> str | None:
    try:
        done = processes.run(command, timeout=20)
    except (ToolError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _package(*names: str) -> Probe:
    """The version of the first of the Python distributions that is installed."""

    def probe() -> str | None:
        for name in names:
            try:
                return f"{name} {metadata.version(name)}"
            except metadata.PackageNotFoundError:
                continue
        return None

    return probe


def _arm_libc() -> str | None:
    """newlib for Cortex-M4F, hard float: the compiler knows the path of a libc.a that is there."""
    compiler = shutil.which("arm-none-eabi-gcc")
    flags = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
    output = _output(compiler, *flags, "-print-file-name=libc.a") if compiler else None
    return "found" if output and Path(output.strip()).is_absolute() else None


ARM_TOOLCHAIN = {
    "Linux": "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "Darwin": "brew install --cask gcc-arm-embedded",
    "Windows": "winget install Arm.GnuArmEmbeddedToolchain",
}

TOOLS: tuple[Tool, ...] = (
    Tool("Python", "dqa itself, 3.11 or later", True, _python, {"": "https://www.python.org/downloads/"}),
    Tool(
        "C compiler",
        "running the converted model on this machine",
        True,
        _command("cc", "gcc", "clang"),
        {
            "Linux": "apt-get install gcc libc6-dev",
            "Darwin": "xcode-select --install",
            "Windows": "winget install MSYS2.MSYS2, then in its shell: pacman -S mingw-w64-ucrt-x86_64-gcc",
        },
    ),
    Tool("NumPy", "everything that is computed", True, _package("numpy"), {"": "pip install numpy"}),
    Tool("LiteRT", "reading and calibrating the float model", True, _package("ai-edge-litert"), {"": "pip install ai-edge-litert"}),
    Tool("PlatformIO", "building and flashing firmware", True, _package("platformio"), {"": "pip install platformio"}),
    Tool("SCons", "building firmware without PlatformIO's registry", True, _package("scons"), {"": "pip install scons"}),
    Tool(
        "TensorFlow",
        "reading .h5, .keras and SavedModel (a float .tflite does without)",
        False,
        _package("tensorflow-cpu", "tensorflow", "tensorflow-macos"),
        {"": 'pip install "dqa-convert[keras]"'},
    ),
    Tool(
        "TensorFlow Lite Micro",
        "evaluating with --target tflm-host (Linux, x86-64)",
        False,
        _package("tflite-micro"),
        {"": "no wheel for this system; use Linux on x86-64", "Linux": 'pip install "dqa-convert[tflm]"'},
    ),
    Tool(
        "AI Edge Quantizer",
        "models with operators that stay TFLite builtins",
        False,
        _package("ai-edge-quantizer"),
        {"": 'pip install "dqa-convert[builtins]"'},
    ),
    Tool(
        "arm-none-eabi-gcc",
        "building firmware of simulated boards, and of any board bare",
        False,
        _command("arm-none-eabi-gcc"),
        ARM_TOOLCHAIN,
    ),
    Tool("newlib for Arm", "building firmware of simulated boards, and of any board bare", False, _arm_libc, ARM_TOOLCHAIN),
    Tool(
        "QEMU for Arm",
        "simulated boards, 7.2 or later",
        False,
        _command("qemu-system-arm"),
        {
            "Linux": "apt-get install qemu-system-arm",
            "Darwin": "brew install qemu",
            "Windows": "winget install SoftwareFreedomConservancy.QEMU",
        },
    ),
    Tool("Renode", "more simulated boards", False, _command("renode"), {"": "https://github.com/renode/renode/releases"}),
)
