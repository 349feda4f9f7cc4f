"""One request and its answer: numbers, deadlines that follow what was measured, and repetition."""

from __future__ import annotations

import random
import time
from collections import deque
from dataclasses import dataclass
from statistics import median

from dqa.device import protocol
from dqa.device.link import Link
from dqa.device.protocol import Command, Frame, Refusal
from dqa.errors import ToolError

_DAMAGED = (Refusal.CRC, Refusal.TOO_LONG)
"""Refusals of bytes that changed on their way: worth another try at once."""
_PATIENCE, _RUN_PATIENCE, _BLIND_PATIENCE = 4, 6, 12
"""Times the reply time-out until a silent device is given up: for a reply; for an inference, however short; and for a RUN of which nothing
is heard, where nothing tells how long it may take."""
_LEAST_TRIES = 2
"""However short the times are."""
_FIRST = 1 / 50
"""Of the reply time-out: the first wait where nothing was measured yet; a device that is just starting may not hear the first requests."""
_FIRST_RUN = 1.0
"""Seconds until a device that runs for the first time is asked again."""
_MARGIN = 0.2
"""Seconds beside what was measured: a host, or an emulator, may be busy with something else."""
_REMEMBERED = 15
"""Replies of late that the next one's deadline follows."""
_NUMBERS = 1 << 32


class RefusedError(ToolError):
    """The device answered, and refused: `refusal` is the Refusal, `detail` its number."""

    def __init__(self, command: Command, refusal: int, detail: int) -> None:
        name = Refusal(refusal).name if refusal in list(Refusal) else str(refusal)
        super().__init__(f"the device refused {command.name}: {name}, detail {detail:#x}")
        self.refusal = refusal
        self.detail = detail


class Numbers:
    """Numbers of 32 bits that begin anywhere, so that those of an earlier client are not met again."""

    def __init__(self) -> None:
        self._last = random.SystemRandom().randrange(_NUMBERS)

    def next(self) -> int:
        self._last = (self._last + 1) % _NUMBERS
        return self._last


@dataclass
class _Request:
    """A request on its way; times of time.monotonic(). step: the wait after the next repetition. started: when its inference began."""

    command: Command
    number: int
    begin: float
    end: float
    step: float
    deadline: float = 0.0
    tries: int = 0
    heard: bool = False
    started: float | None = None


class Exchange:
    """Asks a device over `link`. All requests may be repeated: the device does nothing twice (docs/serial.md).

    reply_timeout: the longest wait for a reply, in seconds, before the request is repeated; waits follow what replies took before.
    run_timeout: the longest inference, in seconds. repeated: how many requests were sent again.
    longest_run: what the first inference takes at most, in seconds, once somebody can tell; later ones follow the fastest.
    """

    def __init__(self, link: Link, reply_timeout: float, run_timeout: float) -> None:
        self._link = link
        self._reply_timeout = reply_timeout
        self._run_timeout = run_timeout
        self._receiver = protocol.Receiver()
        self._numbers = Numbers()
        self._replies: deque[float] = deque(maxlen=_REMEMBERED)  # seconds until a reply came
        self._fastest_run: float | None = None
        self.longest_run: float | None = None
        self.repeated = 0

    def ask(self, command: Command, payload: bytes = b"") -> bytes:
        """The payload of the device's answer. RefusedError if it refuses, ToolError if it faulted or nothing came, and as Link's."""
        now = time.monotonic()
        patience = _PATIENCE * self._reply_timeout
        if command is Command.RUN:  # that it started may be what was lost
            patience = self._run_patience(_BLIND_PATIENCE * self._reply_timeout)
        request = _Request(command, self._numbers.next(), now, now + patience, self._reply_wait())
        frame = Frame(command, request.number, payload).encode()
        while request.tries < _LEAST_TRIES or time.monotonic() < request.end:
            # zeros complete a frame the device may still be waiting for, and begin none
            self._link.send(bytes(protocol.FRAME_MAX) + frame if request.tries else frame)
            request.tries += 1
            answer = self._listen(request)
            if answer is not None:
                self._measure(request)
                return answer
            self.repeated += 1
        words = "nothing came" if not request.heard else "what came made no sense, or was damaged"
        raise ToolError(
            f"no answer to {command.name} in {request.tries} tries and {time.monotonic() - request.begin:.1f} s: {words}",
            hint="is the board flashed with this model's firmware by this version of dqa, and the port the right one?",
        )

    def _listen(self, request: _Request) -> bytes | None:
        """The answer; None if the request is to be sent again."""
        request.deadline = time.monotonic() + request.step
        while (left := request.deadline - time.monotonic()) > 0:
            data = self._link.receive(left)
            request.heard |= bool(data)
            for frame in self._receiver.feed(data):
                if self._is_answer(frame, request):
                    return None if frame.type == protocol.ERROR else frame.payload
        # after a silence nothing more belongs to what is half received: it may hide a whole frame
        for frame in self._receiver.feed(bytes(protocol.FRAME_MAX)):
            if self._is_answer(frame, request):
                return None if frame.type == protocol.ERROR else frame.payload
        request.step = min(2 * request.step, self._reply_timeout)
        return None

    def _is_answer(self, frame: Frame, request: _Request) -> bool:
        """Whether the frame answers the request, or says that it was damaged (an ERROR). Raises what other errors mean."""
        if frame.sequence != request.number:
            return False
        if frame.type == protocol.STARTED and request.command is Command.RUN:
            self._start(request)
        if frame.type != protocol.ERROR:
            return frame.type == request.command | protocol.REPLY
        try:
            refusal, detail = protocol.decode_refusal(frame.payload)
        except ValueError:
            return False
        if refusal == Refusal.FAULT:
            raise ToolError(f"the device's processor faulted (CFSR {detail:#010x})", hint="reset the board")
        if refusal == Refusal.STACK:
            message = f"stack overflow on the board: its stack has {detail} bytes"
            raise ToolError(message, hint="link it with a larger stack (board_stack_size), then flash it again")
        if refusal not in _DAMAGED:
            raise RefusedError(request.command, refusal, detail)
        return True

    def _reply_wait(self) -> float:
        # the median: one late reply does not make all that follow wait
        return min(self._reply_timeout, _MARGIN + 3 * median(self._replies) if self._replies else self._reply_timeout * _FIRST)

    def _run_patience(self, unknown: float) -> float:
        """Seconds in which an inference ends; `unknown` where nothing tells."""
        known = self.longest_run if self._fastest_run is None else 10 * self._fastest_run
        return min(self._run_timeout, unknown if known is None else max(known, _RUN_PATIENCE * self._reply_timeout))

    def _start(self, request: _Request) -> None:
        """The inference began: how long it may take is another matter than how long a reply takes."""
        now = time.monotonic()
        if request.started is not None:
            return
        self._measure(request)
        request.started = now
        request.end = now + self._run_patience(self._run_timeout)
        if self._fastest_run is None:
            request.step = min(_FIRST_RUN, self._reply_timeout)
            request.deadline = now + request.step
        else:
            request.deadline = now + 1.25 * self._fastest_run + 2 * _MARGIN

    def _measure(self, request: _Request) -> None:
        """Learns from an answer that came now. Of a repeated request it is not known which one was answered."""
        now = time.monotonic()
        if request.started is not None:
            took = now - request.started
            self._fastest_run = took if self._fastest_run is None else min(took, self._fastest_run)
        elif request.tries == 1:
            self._replies.append(now - request.begin)
