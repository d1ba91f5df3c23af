# Everything a newcomer needs: `make demo`, `make test`.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
ROOMS  := shared client server deploy simulations
STAMP  := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: install demo test check lint types arrows unit slow soak wheel sbom audit pages bench paper evidence clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml setup.py
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fedchemo needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.lock
	$(BIN)/pip install --quiet --no-deps -e .
	mkdir -p .tree/fedchemo && for room in $(ROOMS); do ln -sfn ../../$$room .tree/fedchemo/$$room; done
	touch $@

# Four virtual hospitals, 480 synthetic patients; coarse images keep it within two minutes on two cores.
demo: install
	$(BIN)/fedchemo simulate --dataset synthetic --patients 480 --sites 4 --rounds 10 --local-epochs 3 \
	  --learning-rate 0.002 --grid 32 --spacing 2 --seed 0 --cache runs/images --out runs/demo --overwrite

test: check unit

check: lint types arrows wheel

lint: install
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

arrows: install
	PYTHONPATH=.tree $(BIN)/lint-imports

# Four processes, a file each at a time in the order of tests/conftest.py: whole federations wait for others beside them.
unit: install
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder -m "not slow"

# What takes minutes more: faults in whole federations, killed studies, notebooks, Ray. CI runs it after `make test`.
slow: install
	$(BIN)/pytest -n 2 --dist loadfile -m slow

# Half an hour of random faults; SOAK_MINUTES and SOAK_SEED in the environment change it (tests/federation/SOAK.md).
soak: install
	$(BIN)/python -m tests.federation.chaos.soak

# The wheel must hold every module and every piece of package data, wherever it is installed.
wheel: install
	$(BIN)/python tests/check_wheel.py

# What is installed, as CycloneDX; checked against requirements.lock.
sbom: install
	$(BIN)/python .ci/sbom.py dist/sbom.cdx.json

# Known vulnerabilities of what is pinned; says so where there is no internet to ask.
audit: install
	$(BIN)/python .ci/audit.py

# A page an error in shared/error-pages/, from the catalogue.
pages: install
	$(BIN)/python -m fedchemo.shared.catalogue.pages

bench: install
	$(BIN)/python -m fedchemo.simulations.benchmarks

# The published Fed-Heart-Disease table beside ours; FEDCHEMO_REFERENCE names the folder of its data.
paper: install
	$(BIN)/python -m fedchemo.simulations.paper

# The studies that claims rest on, into simulations/results/; FEDCHEMO_REALDATA names the folder that holds ispy2/.
evidence: install
	$(BIN)/python -m fedchemo.simulations.studies.evidence

clean:
	rm -rf $(VENV) .tree build dist *.egg-info
