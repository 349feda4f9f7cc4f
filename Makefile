# make demo: a Keras model all the way to a simulated Cortex-M4F.   make test: lint, types and all tests.
# make docs: the pages as a site, out/docs.
# Each sets up what it needs first: .venv with pinned versions, and Debian's cross compiler, emulator and data set.

PYTHON ?= python3
BIN := .venv/bin
C_FILES = $(shell git ls-files '*.c' '*.h' '*.cc' '*.cpp')
DEMO := out/demo
DEMO_STORED := $(DEMO)-stored
DEMO_DATA := $(DEMO)-data
BOARD ?= mps2_an386

.PHONY: setup system system-demo demo test lint format docs clean
.DELETE_ON_ERROR:

setup: system .venv/ready

# Stamps: a second run does nothing unless the dependencies changed. What pip does is shown as it does it.
.venv/ready: EXTRAS = builtins,docs,keras,sign,study,tflm,test,lint
.venv/ready: ABOUT = 2.2 GB: TensorFlow 1.3, and what tests, checks, studies and pages need
.venv/demo: EXTRAS = keras,tflm
.venv/demo: ABOUT = 1.8 GB, of it TensorFlow 1.3, which reads the Keras model

.venv/ready .venv/demo: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dqa needs Python 3.11 or later; make PYTHON=...")'
	@echo "Python packages into .venv, once (dqa-convert[$(EXTRAS)]): about $(ABOUT)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

system:
	@PYTHON=$(PYTHON) ./.ci/system-packages

system-demo:
	@PYTHON=$(PYTHON) ./.ci/system-packages demo

demo: system-demo .venv/demo $(DEMO_DATA)/test.npz
	$(BIN)/dqa convert examples/fashion_mnist/model.h5 --calibration $(DEMO_DATA)/calibration.npz --input-scale 1/255 -o $(DEMO)
	$(BIN)/dqa evaluate $(DEMO) --data $(DEMO_DATA)/test.npz --json $(DEMO)/host.json
	$(BIN)/dqa evaluate $(DEMO) --data $(DEMO_DATA)/test.npz --target tflm-host --limit 500 --json $(DEMO)/tflm-host.json
	$(BIN)/dqa build $(DEMO) --board $(BOARD)
	$(BIN)/dqa evaluate $(DEMO) --data $(DEMO_DATA)/test.npz --target sim:$(BOARD) --limit 100 --json $(DEMO)/$(BOARD).json
	$(BIN)/dqa convert examples/fashion_mnist/model.h5 --calibration $(DEMO_DATA)/calibration.npz --input-scale 1/255 --bits 4 -o $(DEMO_STORED)
	$(BIN)/dqa evaluate $(DEMO_STORED) --data $(DEMO_DATA)/test.npz --json $(DEMO_STORED)/host.json
	$(BIN)/dqa evaluate $(DEMO_STORED) --data $(DEMO_DATA)/test.npz --target sim:$(BOARD) --limit 100 --json $(DEMO_STORED)/$(BOARD).json
	@$(BIN)/python examples/fashion_mnist/summary.py $(foreach result,host tflm-host $(BOARD),$(DEMO)/$(result).json) \
		$(foreach result,host $(BOARD),$(DEMO_STORED)/$(result).json)
	@echo "The plan, and what was measured before it was taken, to look at: $(DEMO)/report.html"

$(DEMO_DATA)/test.npz: examples/fashion_mnist/data.py | system-demo .venv/demo
	$(BIN)/python $< $(DEMO_DATA)

# Tests run beside each other already: threads of the same sum would only wait for each other.
test: setup lint
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n auto --dist worksteal

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(if $(C_FILES),$(BIN)/clang-format --dry-run --Werror $(C_FILES))

# Built from the pages in docs/ and from the code, without the network.
docs: .venv/ready
	$(BIN)/python -m sphinx -q -W -b html -c docs/site . out/docs

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(if $(C_FILES),$(BIN)/clang-format -i $(C_FILES))

clean:
	rm -rf .venv out dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
