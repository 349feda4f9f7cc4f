"""Studies: a grid of methods, bits, rankings, seeds and models, measured once and compared (docs/study.md)."""
