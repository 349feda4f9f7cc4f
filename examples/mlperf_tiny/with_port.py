"""Runs MLPerf Tiny's runner, unmodified, on a port that is no USB device, as that of `dqa serve`.

    cd tiny/benchmark/runner
    python with_port.py /dev/pts/5 main.py --dataset_path=DATA --test_script=tests_accuracy.yaml --device_list=devices.yaml --mode=a

The runner looks for its devices by their USB numbers among pyserial's list of ports, which here has one more: PORT, with the numbers of
an ST-Link, as the runner's own lists have them for the device under test (0483:374B).
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

from serial.tools import list_ports, list_ports_common

VID, PID = 0x0483, 0x374B


def add(port: str) -> None:
    """Makes pyserial list the port."""
    known = list_ports.comports

    def comports(*arguments: Any, **options: Any) -> list[Any]:
        found = list_ports_common.ListPortInfo(port)
        found.vid, found.pid, found.description = VID, PID, "dqa serve"
        return [*known(*arguments, **options), found]

    list_ports.comports = comports


def main() -> None:
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    port, script = sys.argv[1:3]
    add(port)
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(Path(script).resolve().parent))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
