"""Weights in few bits: methods from plain rounding to rounding that compensates its own errors; one module each."""
