"""Limits of the format (docs/format.md), which the executor's loader checks as well."""

MAX_DIMENSION = 65535
"""Of height, width and channels."""
MAX_VALUES = 1 << 24
"""Of an edge."""
MAX_ROW_VALUES = 1 << 18
"""Of a row, with its padding."""
MAX_CAPACITY = 1 << 24
"""Bytes of a stored edge."""
MAX_EXTRA_BITS = 4
"""Of a shifting error."""
MAX_DROP = 6
"""Bits that a row of a coded map drops."""
MAX_GROUPS = 4
"""Of channels that drop bits together."""
MAX_TABLES = 64
MAX_COUNT = 4096
"""Of edges, and of operators."""
MAX_ENDS = 8
"""Inputs of a program, and outputs."""
MAX_INPUTS = 16
"""Of an operator."""
MAX_WINDOW_ROWS = 64
"""Rows that a window spans, dilated."""
MAX_PERIOD = 1 << 21
"""Rows of the input after which counters begin again where rows never end."""
MAX_POOLED = 1 << 15
"""Values that are averaged."""

FIRMWARE_CODE, FIRMWARE_RAM = 31_000, 660
"""Bytes around a model, for estimates before a build: code, the demo's, whose program has seven kinds of operators and coded maps (a dense
network's: 17 kB); static RAM of serial port and protocol. The standalone firmware, `dqa build --bare`, Cortex-M4F, GCC 12."""
