#!/bin/sh
# A CI: hold what was reached. Runs after ml_engineer.sh; a project keeps its recipe.yaml beside the model.
set -e
cp out/signals/recipe.yaml recipe.yaml
# The same bytes as before, or an error that says why not.
dqa convert signals.h5 --recipe recipe.yaml --calibration calibration.npz -o out/ci -q
cmp out/signals/model.dqa out/ci/model.dqa
# Below these it ends with exit code 1; result.xml has a test case for each, result.json all figures.
dqa evaluate out/ci --data test.npz --target sim:mps2_an386 --limit 20 --min-accuracy 0.85 --min-agreement 1 --junit result.xml --json result.json -q
cat result.xml
