"""The host's side of the serial protocol: requests with time-outs, retries and clear errors."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from dqa import resources
from dqa.device import protocol
from dqa.device.link import Link
from dqa.device.protocol import Command, Frame, Hello, Refusal, RunReply, Stats
from dqa.errors import ProgramError, ToolError

_TRIES = 4
_REPLY_TIMEOUT = 5.0
"""Seconds for any reply but RUN's: far above 270 bytes at 9600 baud, or on an emulator with a busy host."""
_AGAIN = (Refusal.CRC, Refusal.TOO_LONG)
"""Refusals of bytes that changed on their way: worth another try."""
RUN_TIMEOUT = 900.0
"""Seconds for one inference, unless the caller says otherwise."""


_RUNTIME_REFUSED = 255
"""Status of TensorFlow Lite Micro, beside those of dqa.h (firmware/src/runtime.h)."""

_T = TypeVar("_T")


class RefusedError(ToolError):
    """The device answered, and refused: `refusal` is the Refusal, `detail` its number."""

    def __init__(self, command: Command, refusal: int, detail: int) -> None:
        name = Refusal(refusal).name if refusal in list(Refusal) else str(refusal)
        super().__init__(f"the device refused {command.name}: {name}, detail {detail:#x}")
        self.refusal = refusal
        self.detail = detail


class Device:
    """A device that speaks the protocol at the other end of `link`."""

    def __init__(self, link: Link, *, reply_timeout: float = _REPLY_TIMEOUT, run_timeout: float = RUN_TIMEOUT) -> None:
        self._link = link
        self._receiver = protocol.Receiver()
        self._sequence = 0
        self._reply_timeout = reply_timeout
        self._run_timeout = run_timeout

    def hello(self) -> Hello:
        """Who is there; also ends whatever was half said before. ToolError if nobody answers."""
        # a device that is just starting may not hear the first ones
        patience = [self._reply_timeout * part for part in (0.02, 0.03, 0.05, 0.1, 0.2, 0.6, 1)]
        hello = self._decode(Hello.decode, self._request(Command.HELLO, timeouts=patience))
        if hello.version != protocol.VERSION:
            message = f"the device speaks version {hello.version} of the protocol, dqa version {protocol.VERSION}"
            raise ToolError(message, hint="flash it again")
        return hello

    def infer(self, hello: Hello, data: bytes) -> tuple[bytes, RunReply]:
        """One inference of `hello.input_size` bytes: the output's bytes and the run's figures.

        ProgramError if the device refused the program at load, RefusedError if it refuses anything else.
        """
        for last in (False, True):
            for at in range(0, len(data), hello.data_max):
                self._write(hello, at, data[at : at + hello.data_max])
            try:
                reply = self._decode(RunReply.decode, self._request(Command.RUN, timeouts=[self._run_timeout] * 2))
                break
            except RefusedError as error:
                # the run happened, but noise made the device forget the reply that was lost
                if last or error.refusal != Refusal.NO_INPUT:
                    raise
        size = hello.output_size
        output = b""
        for at in range(0, size, hello.data_max):
            output += self._request(Command.READ_OUTPUT, protocol.read_output(at, min(hello.data_max, size - at)))
        if len(output) != size:
            raise ToolError(f"the device sent {len(output)} bytes of output instead of {size}")
        return output, reply

    def _write(self, hello: Hello, at: int, data: bytes) -> None:
        try:
            self._request(Command.WRITE_INPUT, protocol.write_input(at, data))
        except RefusedError as error:
            # pushed bytes cannot be written again: they are in place, but noise made the device forget the reply that was lost
            if not (hello.row_size and error.refusal == Refusal.RANGE and error.detail == at + len(data)):
                raise

    def stats(self) -> Stats:
        """Memory figures so far."""
        return self._decode(Stats.decode, self._request(Command.STATS))

    def close(self) -> None:
        self._link.close()

    @staticmethod
    def _decode(decode: Callable[[bytes], _T], payload: bytes) -> _T:
        try:
            return decode(payload)
        except ValueError as error:
            raise ToolError(f"the device's reply makes no sense: {error}", hint="flash it again") from error

    def _request(self, command: Command, payload: bytes = b"", timeouts: Sequence[float] = ()) -> bytes:
        """The payload of the device's answer, waiting so many seconds in each try.

        A repeated request keeps its number, so that nothing is done twice.
        """
        timeouts = timeouts or [self._reply_timeout] * _TRIES
        self._sequence = (self._sequence + 1) & 0xFF
        frame = Frame(command, self._sequence, payload).encode()
        for attempt, timeout in enumerate(timeouts):
            # zeros complete a frame the device may still be waiting for, and begin none
            self._link.send((bytes(protocol.FRAME_MAX) if attempt else b"") + frame)
            reply = self._await(command, timeout)
            if reply is not None:
                return reply
        raise ToolError(
            f"no answer to {command.name} in {len(timeouts)} tries",
            hint="is the board flashed with this model's firmware, and the port the right one?",
        )

    def _await(self, command: Command, timeout: float) -> bytes | None:
        """The answer to the last request, None if it did not come or the request was damaged."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            for frame in self._receiver.feed(self._link.receive(left)):
                if frame.type == protocol.ERROR:
                    try:
                        refusal, detail = protocol.decode_refusal(frame.payload)
                    except ValueError:
                        continue
                    if refusal in _AGAIN:
                        return None
                    if refusal == Refusal.FAULT:
                        raise ToolError(f"the device's processor faulted (CFSR {detail:#010x})", hint="reset the board")
                    if refusal == Refusal.STACK:
                        raise ToolError(
                            f"stack overflow on the board: its stack has {detail} bytes",
                            hint="link it with a larger stack (board_stack_size), then flash it again",
                        )
                    if frame.sequence != self._sequence:
                        continue
                    if refusal == Refusal.MODEL:
                        raise refused_program(detail)
                    raise RefusedError(command, refusal, detail)
                if frame.type == command | protocol.REPLY and frame.sequence == self._sequence:
                    return frame.payload
        return None


def refused_program(status: int) -> ProgramError:
    """The error for a program the device's dqa_load refused with `status` (dqa.h)."""
    header = (resources.path("firmware") / "lib" / "dqa" / "include" / "dqa.h").read_text(encoding="utf-8")
    name = re.search(rf"\bDQA_ERROR_(\w+) = {status}\b", header)
    text = name[1].replace("_", " ").lower() if name else "refused by the interpreter" if status == _RUNTIME_REFUSED else "unknown"
    return ProgramError(
        f"the device refused the program at load: status {status} ({text})", hint="convert the model again, then build and flash it"
    )
