# All that a developer or CI runs. Needs make and Python 3.11 or newer; the first target run sets up .venv.
#   make test ARGS="-k residual"        make train ARGS="model=mlp train.epochs=3"

PYTHON ?= python3
ARGS ?=
# What is installed besides the core; CI adds gp, which brings torch.
EXTRAS ?= dev
BIN := .venv/bin
READY := .venv/.stamp
# Bytecode is written on purpose: importing TensorFlow without it takes three times as long, and some machines
# switch it off with this variable.
COMPILE := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q
OURS = $(wildcard compiler hydra_plugins train.py)

.PHONY: setup compiled train test lint format campaigns bench clean

setup: compiled

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --no-compile --config-settings editable_mode=compat -c constraints.txt -e '.[$(EXTRAS)]'
	$(COMPILE) -j 0 .venv/lib || true  # some packages ship templates that are no Python
	touch $@

compiled: $(READY)
	@$(COMPILE) $(OURS)

train: compiled
	$(BIN)/python train.py $(or $(ARGS),model=xception_lite)

test: compiled
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Long runs, by hand: each prints its seed and its figures, and exits with 1 when it fails.
campaigns: compiled
	$(BIN)/python -m tests.campaigns.mutations --cases 10000 --seed 0
	$(BIN)/python -m tests.campaigns.kill --kills 50 --seed 0
	$(BIN)/python -m tests.campaigns.resume --runs 100 --seed 0
	$(BIN)/python -m tests.campaigns.foreign --flips 300 --seed 0
	$(BIN)/python -m tests.campaigns.damaged_members --cases 2000 --seed 0
	$(BIN)/python -m tests.campaigns.sweep_faults --launcher local --seed 0
	$(BIN)/python -m tests.campaigns.sweep_faults --launcher slurm --seed 0
	$(BIN)/python -m tests.campaigns.sweep_faults --launcher ray --seed 0
	$(BIN)/python -m tests.campaigns.sweep_kills --kills 20 --seed 0

bench: compiled
	@set -e; for script in $(wildcard benchmarks/[!_]*.py); do echo "== $$script"; $(BIN)/python "$$script" $(ARGS); done

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
