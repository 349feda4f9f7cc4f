"""Boards: build firmware, simulate or flash it, and talk to it over its serial port."""
