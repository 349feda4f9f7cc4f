"""The host's side of the serial protocol: who is there, and one inference after the other, whatever happens to the link or the board."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from dqa.device import protocol
from dqa.device.exchange import Exchange, Numbers, RefusedError
from dqa.device.link import Link, ReconnectedError
from dqa.device.protocol import Command, Hello, OperatorRecord, Refusal, RunReply, Stats
from dqa.errors import DataError, InputError, ProgramError, ToolError
from dqa.support import resources

__all__ = ["RUN_TIMEOUT", "Device", "RefusedError", "refused_program"]

_log = logging.getLogger(__name__)
_REPLY_TIMEOUT = 5.0
"""Seconds: far above 280 bytes at 9600 baud, or on an emulator with a busy host."""
RUN_TIMEOUT = 900.0
"""Seconds for one inference at most, unless the caller says otherwise."""
_BEGINNINGS = 30
"""How often one inference is begun, or one request is asked over a connection that breaks, before it is given up."""
_BEGIN_AGAIN = (Refusal.RANGE, Refusal.NO_INPUT, Refusal.NO_OUTPUT, Refusal.UNGREETED, Refusal.INPUT)
"""Refusals of a device that is not where the host thinks it is: it started again, or old frames came once more."""
_RUNTIME_REFUSED = 255
"""Status of TensorFlow Lite Micro, beside those of dqa.h (firmware/src/runtime.h)."""

_T = TypeVar("_T")


class _OtherAnswerError(ToolError):
    """The bytes read are not the output of the run."""


class Device:
    """A device that speaks the protocol at the other end of `link`.

    reply_timeout: seconds after which a request is repeated at the latest; usually it is much sooner, as replies were quick before.
    run_timeout: seconds for one inference at most. most_cycles: that an inference never takes (dqa.device.work), None if that is not known:
    with the clock of the board, a line that goes dead during the first inference is noticed sooner than in run_timeout.
    restarts: inferences begun again. boots: how often the board was found to have started again. reconnects: of the link.
    """

    def __init__(
        self, link: Link, *, reply_timeout: float = _REPLY_TIMEOUT, run_timeout: float = RUN_TIMEOUT, most_cycles: int | None = None
    ) -> None:
        self._link = link
        self._most_cycles = most_cycles
        self._exchange = Exchange(link, reply_timeout, run_timeout)
        self._runs = Numbers()
        self._hello: Hello | None = None
        self.restarts = self.boots = self.reconnects = 0

    @property
    def repeats(self) -> int:
        """Requests that were sent again."""
        return self._exchange.repeated

    def hello(self) -> Hello:
        """Who is there; also ends whatever was half said before.

        ToolError if nobody answers. InputError if another board, or another model, answers than before.
        """
        hello = self._decode(Hello.decode, self._ask(Command.HELLO))
        self._recognize(hello)
        return hello

    def infer(self, hello: Hello, data: bytes) -> tuple[bytes, RunReply]:
        """One inference of `hello.input_size` bytes: the output's bytes and the run's figures.

        The answer surely belongs to this input and to the program of `hello`, whatever happened on the way. DataError if the input has
        another size, ProgramError if the device refused the program at load, RefusedError if it refuses anything else, InputError if
        another board or another model answers now, ToolError if nobody does.
        """
        if len(data) != hello.input_size:
            raise DataError(f"a sample has {len(data)} bytes, the model on the board takes {hello.input_size}")
        return self._steadily(lambda: self._infer(hello, data, self._runs.next()))

    def profile(self, hello: Hello, data: bytes) -> tuple[bytes, RunReply, list[OperatorRecord]]:
        """As `infer`, and what each operator did; ToolError also where the firmware is not a profiling one."""
        if len(data) != hello.input_size:
            raise DataError(f"a sample has {len(data)} bytes, the model on the board takes {hello.input_size}")
        try:
            return self._steadily(lambda: self._profile(hello, data))
        except RefusedError as error:
            if error.refusal == Refusal.COMMAND:
                raise ToolError(
                    "the firmware on the board is not a profiling one", hint="flash one: dqa flash OUT --board BOARD --profile"
                ) from error
            raise

    def stats(self) -> Stats:
        """Memory figures since the board started."""
        return self._steadily(lambda: self._decode(Stats.decode, self._ask(Command.STATS)))

    def close(self) -> None:
        self._link.close()

    def _steadily(self, act: Callable[[], _T]) -> _T:
        """Acts again where the board does not remember the beginning."""
        for last in [False] * (_BEGINNINGS - 1) + [True]:
            try:
                return act()
            except _OtherAnswerError:
                if last:
                    raise
            except RefusedError as error:
                if error.refusal == Refusal.MODEL:
                    raise refused_program(error.detail) from error
                if last or error.refusal not in _BEGIN_AGAIN:
                    raise
            self.hello()
            self.restarts += 1
        raise AssertionError("the last time either succeeds or raises")

    def _ask(self, command: Command, payload: bytes = b"") -> bytes:
        """The answer, also over a connection that breaks and comes back; a board that kept its power goes on where it was."""
        for _ in range(_BEGINNINGS):
            try:
                return self._exchange.ask(command, payload)
            except ReconnectedError as error:
                self.reconnects += 1
                _log.warning("%s", error.message)
                if command is not Command.HELLO:
                    self.hello()
        raise ToolError("the connection breaks again and again", hint="check the cable")

    def _profile(self, hello: Hello, data: bytes) -> tuple[bytes, RunReply, list[OperatorRecord]]:
        run = self._runs.next()
        output, reply = self._infer(hello, data, run)
        records: list[OperatorRecord] = []
        count = 1
        while len(records) < count:
            count, more = self._decode(OperatorRecord.decode, self._ask(Command.PROFILE, protocol.profile(run, len(records))))
            records += more
        return output, reply, records

    def _infer(self, hello: Hello, data: bytes, run: int) -> tuple[bytes, RunReply]:
        crc = protocol.input_crc(hello.program_crc, data)
        for at in range(0, len(data), hello.data_max):
            part = data[at : at + hello.data_max]
            written = self._ask(Command.WRITE_INPUT, protocol.write_input(run, at, part))
            if self._decode(protocol.decode_written, written) != at + len(part):
                raise _OtherAnswerError("the device counts other bytes of the input than were sent")
        reply = self._decode(RunReply.decode, self._ask(Command.RUN, protocol.run(run, crc)))
        size = hello.output_size
        output = b""
        for at in range(0, size, hello.data_max):
            output += self._ask(Command.READ_OUTPUT, protocol.read_output(run, at, min(hello.data_max, size - at)))
        if len(output) != size or protocol.output_crc(crc, output) != reply.output_crc:
            raise _OtherAnswerError("the device sent another output than that of the run")
        return output, reply

    def _recognize(self, hello: Hello) -> None:
        """Notices what changed since the last greeting."""
        if hello.version != protocol.VERSION:
            message = f"the device speaks version {hello.version} of the protocol, dqa version {protocol.VERSION}"
            raise ToolError(message, hint="flash it again")
        before = self._hello = self._hello or hello
        if self._most_cycles is not None and hello.clock_hz:
            self._exchange.longest_run = self._most_cycles / hello.clock_hz
        if hello.program_crc != before.program_crc:
            raise InputError(
                f"the board runs another model now (program {hello.program_crc:#010x}, before {before.program_crc:#010x})",
                hint="connect the board with the first one again, or flash it",
            )
        if replace(hello, boot=before.boot) != before:
            message = f"another board, or other firmware, answers now: {hello.board}, before {before.board}"
            raise InputError(message, hint="connect the first one again")
        if hello.boot != before.boot:
            self._hello = hello
            self.boots += 1
            _log.warning("the board started again, or is another one with the same program; the run goes on")

    @staticmethod
    def _decode(decode: Callable[[bytes], _T], payload: bytes) -> _T:
        try:
            return decode(payload)
        except ValueError as error:
            raise ToolError(f"the device's reply makes no sense: {error}", hint="flash it again") from error


def refused_program(status: int) -> ProgramError:
    """The error for a program the device's dqa_load refused with `status` (dqa.h)."""
    header = (resources.path("firmware") / "lib" / "dqa" / "include" / "dqa.h").read_text(encoding="utf-8")
    name = re.search(rf"\bDQA_ERROR_(\w+) = {status}\b", header)
    text = name[1].replace("_", " ").lower() if name else "refused by the interpreter" if status == _RUNTIME_REFUSED else "unknown"
    return ProgramError(
        f"the device refused the program at load: status {status} ({text})", hint="convert the model again, then build and flash it"
    )
