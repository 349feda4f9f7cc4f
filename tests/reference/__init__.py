"""The executor in numpy, written from docs/format.md alone: what the C is held against."""
