"""Whether PlatformIO has what it needs to build for a real board, or can get it.

Without this PlatformIO tries its two registries six times each, with pauses of 1 to 16 seconds, before it says that it cannot reach them.
"""

from __future__ import annotations

import urllib.error
import urllib.request

from dqa.errors import ToolError

URL = "https://api.registry.platformio.org"
TIMEOUT_S = 5.0


def within_reach(platform: str) -> bool:
    """Whether a platform, as platformio.ini names it, is installed, or the registry answers."""
    from platformio.package.manager.platform import PlatformPackageManager

    if PlatformPackageManager().get_package(platform) is not None:
        return True
    try:
        urllib.request.build_opener().open(URL, timeout=TIMEOUT_S).close()
    except urllib.error.HTTPError:
        return True  # an answer
    except OSError:
        return False
    return True


def unreachable(board: str) -> ToolError:
    return ToolError(
        f"PlatformIO could not download what board {board} needs",
        hint="connect to the internet once, or build with --bare and write the .hex or .bin with the board's tools",
    )
