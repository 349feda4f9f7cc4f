"""Coded maps: entropy-coded within a hard size, their steps, tables and capacities chosen together (docs/format.md, section 2)."""
