#!/bin/sh
# A researcher: compare methods. Runs where task.py wrote its files.
set -e
# Every combination of the grid, compared at equal stored bits.
dqa study study.yaml -o study --jobs 1
