"""Windows of a continuous model once more, their rows one after the other as a stream has them."""

from __future__ import annotations

from dqa.engine.host_stream import HostStream
from dqa.program import read
from dqa.support.arrays import UInt8


def stream_notes(program: bytes, windows: UInt8, outputs: UInt8) -> list[str]:
    """How many of the windows that the stream has, too, have the answer there that they have alone; nothing of a model of windows.

    windows (N, bytes of a sample), outputs (N, bytes): what the host answers to each by itself.
    """
    found = read(program)
    if not found.period:
        return []
    rows = found.edges[0].height
    answers = HostStream(program).push(windows.reshape(len(windows) * rows, -1))
    begins = answers.at - answers.at[0]  # of their windows, the last rows of which may not matter
    ends = [(answer, outputs[begin // rows]) for answer, begin in zip(answers.answers, begins, strict=True) if begin % rows == 0]
    equal = sum(answer.tobytes() == alone.tobytes() for answer, alone in ends)
    return [f"each window was measured by itself; as one stream the host gives {equal} of {len(ends)} windows the same answer"]
