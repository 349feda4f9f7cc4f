"""What the tools that write firmware complain of, as one line and a hint."""

from __future__ import annotations

import re

from dqa.device.boards import Board
from dqa.errors import DqaError, InputError, ToolError

UDEV = (
    "on Linux install the tool's udev rules (PlatformIO: https://docs.platformio.org/en/latest/core/installation/udev-rules.html; "
    "probe-rs: https://probe.rs/docs/getting-started/probe-setup), or join group plugdev or dialout, then reconnect the board"
)
_KNOWN = tuple(
    (re.compile("|".join(patterns), re.IGNORECASE), message, hint)
    for patterns, message, hint in (
        (
            ("LIBUSB_ERROR_ACCESS", "Access denied", "Permission denied", "insufficient permissions", "EACCES", "Errno 13"),
            "no permission to use the probe or port of {board}",
            UDEV,
        ),
        (
            (
                "APPROTECT",
                "access port protection",
                "(?:device|chip|core|target|flash) (?:is )?(?:locked|secured|protected)",
                "mass.?erase",
                "erase-all",
            ),
            "{board}'s debug port is locked",
            "erase all of its flash and unlock it: dqa flash ... --with pyocd --recover, or --with probe-rs --recover",
        ),
        (
            ("LIBUSB_ERROR_BUSY", "Resource busy", "already (?:open|in use)"),
            "the probe or port of {board} is in use",
            "end the other program that has it: a debugger, a serial monitor",
        ),
        (
            (
                "no (?:debug )?probes? ",
                "No available debug probes",
                "unable to find.*(?:st-?link|cmsis-dap)",
                "No J-Link",
                "No connected debug probe matches",
                "No target device available",
                "open failed",
                "No emulators? connected",
                "No device found on",
                "Cannot connect to J-Link",
            ),
            "no probe of {board} answers",
            "connect the board, with a cable that carries data",
        ),
        (
            ("verif(?:y|ication) (?:failed|error|mismatch)", "contents? differ"),
            "what was written to {board} does not read back",
            "try again; if it happens again, the flash or the cable is broken",
        ),
        (
            ("(?:un|not (?:a )?)(?:recognized|known|supported) (?:target|chip)", "(?:target|chip).*not (?:found|recognized)"),
            "the tool does not know the chip of {board}",
            "update it; pyOCD gets more chips with: pyocd pack install {chip}",
        ),
        (
            (
                "target voltage",
                "no response",
                "unable to connect to (?:the )?target",
                "init mode failed",
                "Could not connect",
                "No ACK",
                "No cores were discovered",
                "timed? ?out",
            ),
            "the probe does not reach the processor of {board}",
            "is the board powered? hold its reset button while it is flashed; a locked nRF takes --with pyocd --recover",
        ),
    )
)
"""What tools say, what it means and what to do; the first that fits."""


def explained(tool: str, board: Board, output: str) -> DqaError:
    """The error for a tool that failed: what is known of its complaint, else its last line that speaks of an error."""
    for pattern, message, hint in _KNOWN:
        if pattern.search(output):
            return ToolError(message.format(board=board.name), hint=hint.format(chip=board.chips.get("pyocd", "CHIP")))
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if re.search(r"error|fail", line, re.I)), lines[-1] if lines else "it says nothing")
    return ToolError(f"{tool} did not flash {board.name}: {said[:300]}", hint="-v shows all that it says")


def none_found(board: Board) -> DqaError:
    return ToolError(f"no probe for {board.name} is connected", hint=f"connect the board, with a cable that carries data; {UDEV}")


def choose_one(board: Board, names: list[str]) -> DqaError:
    return InputError(
        f"{len(names)} probes are connected; which one is that of {board.name}?", hint=f"name it: --probe {' | '.join(names)}"
    )
