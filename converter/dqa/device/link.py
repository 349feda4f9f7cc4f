"""The bytes between host and device: a socket to an emulator, or a serial port."""

from __future__ import annotations

import socket
from typing import Protocol

import serial

from dqa.errors import InputError, ToolError


class Link(Protocol):
    """A byte stream both ways. Both methods raise ToolError once the other side is gone."""

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

    def __init__(self, port: str, baud: int) -> None:
        """InputError if the port cannot be opened."""
        self._name = port
        try:
            self._port = serial.serial_for_url(port, baudrate=baud, timeout=0, write_timeout=30, exclusive=True)
        except (serial.SerialException, ValueError, OSError) as error:
            raise InputError(f"cannot open {port}: {error}", hint="list the ports with: python -m serial.tools.list_ports") from error

    def send(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except (serial.SerialException, OSError) as error:
            raise ToolError(f"{self._name} takes no bytes: {error}", hint="is the board still connected?") from error

    def receive(self, timeout: float) -> bytes:
        try:
            self._port.timeout = timeout
            first = self._port.read(1)
            if not first:
                return b""
            self._port.timeout = 0
            return bytes(first + self._port.read(1 << 12))
        except (serial.SerialException, OSError) as error:
            raise ToolError(f"connection to {self._name} broke: {error}", hint="is the board still connected?") from error

    def close(self) -> None:
        self._port.close()
