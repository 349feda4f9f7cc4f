"""The bytes between host and device: a socket to an emulator, or a serial port."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from typing import NoReturn, Protocol

import serial

from dqa.errors import InputError, ToolError

_log = logging.getLogger(__name__)
RETURN_TIME = 30.0
"""Seconds in which a serial port that went away may come back."""
_LOOK = 0.1
"""Seconds between two looks for it."""


class ReconnectedError(ToolError):
    """The connection broke and is there again. What was on its way is lost, and another board may answer."""


class Link(Protocol):
    """A byte stream both ways. Both methods raise ToolError once the other side is gone, ReconnectedError if it has come back."""

    def send(self, data: bytes) -> None:
        """Sends all of `data`."""

    def receive(self, timeout: float) -> bytes:
        """What has arrived, waiting up to `timeout` seconds for the first byte; empty if nothing came."""

    def close(self) -> None: ...


class SocketLink:
    """A connected stream socket."""

    def __init__(self, connection: socket.socket, peer: str) -> None:
        self._connection = connection
        self._peer = peer

    def fileno(self) -> int:
        """For select."""
        return self._connection.fileno()

    def send(self, data: bytes) -> None:
        self._connection.settimeout(30)  # a device that takes no bytes for this long is stuck
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise ToolError(f"{self._peer} takes no bytes: {error}") from error

    def receive(self, timeout: float) -> bytes:
        self._connection.settimeout(max(timeout, 0.001))
        try:
            data = self._connection.recv(1 << 16)
        except TimeoutError:
            return b""
        except OSError as error:
            raise ToolError(f"connection to {self._peer} broke: {error}") from error
        if not data:
            raise ToolError(f"{self._peer} closed its connection")
        return data

    def close(self) -> None:
        self._connection.close()


class SerialLink:
    """A serial port, or any URL pyserial knows (socket://host:port)."""

    def __init__(self, port: str, baud: int, *, return_time: float = RETURN_TIME) -> None:
        """return_time: seconds in which a port that went away may come back. InputError if the port cannot be opened."""
        self._name = port
        self._baud = baud
        self._return_time = return_time
        try:
            self._port = self._open()
        except (ValueError, OSError) as error:  # serial.SerialException is an OSError
            problem = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error  # pyserial's own text says it twice
            raise InputError(f"cannot open {port}: {problem}", hint="list the ports with: python -m serial.tools.list_ports") from error

    def send(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except serial.SerialTimeoutException as error:
            raise ToolError(f"{self._name} takes no bytes: {error}", hint="is the board still connected?") from error
        except OSError as error:
            self._return(error)

    def receive(self, timeout: float) -> bytes:
        try:
            self._port.timeout = timeout
            first = self._port.read(1)
            if not first:
                return b""
            self._port.timeout = 0
            return bytes(first + self._port.read(1 << 12))
        except OSError as error:
            self._return(error)

    def close(self) -> None:
        self._port.close()

    def _open(self) -> serial.SerialBase:
        return serial.serial_for_url(self._name, baudrate=self._baud, timeout=0, write_timeout=30, exclusive=True)

    def _return(self, error: OSError) -> NoReturn:
        """Waits until the port is there again: ReconnectedError then, ToolError if it stays away."""
        with contextlib.suppress(OSError):
            self._port.close()  # else the port may come back under another name
        start = time.monotonic()
        _log.warning("the connection to %s broke (%s); waiting up to %g s for it to come back", self._name, error, self._return_time)
        while time.monotonic() - start < self._return_time:
            try:
                self._port = self._open()
            except (ValueError, OSError):
                time.sleep(_LOOK)
            else:
                raise ReconnectedError(f"the connection to {self._name} broke, and came back after {time.monotonic() - start:.1f} s")
        message = f"the connection to {self._name} broke and did not come back in {self._return_time:g} s: {error}"
        raise ToolError(message, hint="is the board still connected?") from error
