#!/bin/sh
# An ML engineer: is my model good in few bits? Runs where task.py wrote its files.
set -e
# Without data: which layers DQA runs, what it takes, the boards that it fits.
dqa analyze signals.h5 --ram 16k
# Some hundred samples of what it will see; with labels the metric is measured, too.
dqa convert signals.h5 --calibration calibration.npz -o out/signals
# The test set, by class, with the samples answered worst.
dqa evaluate out/signals --data test.npz
