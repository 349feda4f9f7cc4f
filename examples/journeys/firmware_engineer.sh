#!/bin/sh
# A firmware engineer: get it into my firmware. Runs after ml_engineer.sh, in the same folder.
set -e
# A whole image for a board; sizes from the linker. --bare: with the compiler alone.
dqa build out/signals --board mps2_an386 --bare
# On the simulated board: each answer compared with the host's, stack painted, instructions counted.
dqa evaluate out/signals --data test.npz --target sim:mps2_an386 --limit 20
# Which operator costs what, and whether each computes what the host does.
dqa profile out/signals --target sim:mps2_an386 --data test.npz --compare
# The C as a folder for a project of mine, with a self-test.
dqa export out/signals --as zip -o signals
gcc -std=c99 -O2 -Isignals/src $(find signals/src -name '*.c') signals/example/main.c -o self_test
./self_test
