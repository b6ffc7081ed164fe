# `make demo` and `make test` do everything from a fresh clone; `make help` lists the rest.
PYTHON ?= python3
# Where no ROS 2 distribution is sourced: the one whose wheels are taken.
ROS ?=
export ROS
VENV = $(shell ROS='$(ROS)' $(PYTHON) scripts/bootstrap.py --environment)/bin
# of a training; batches must divide by them
PROCESSES ?= 2
# of the tests, which mostly wait for nodes
WORKERS ?= 2

# With a sourced ROS 2 distribution, what is built into .venv is an overlay of it.
ifneq ($(AMENT_PREFIX_PATH),)
export AMENT_PREFIX_PATH := $(CURDIR)/.venv:$(AMENT_PREFIX_PATH)
export LD_LIBRARY_PATH := $(CURDIR)/.venv/lib:$(LD_LIBRARY_PATH)
endif

.PHONY: help build demo test check format docs clean train-embedded

help:
	@echo 'make demo     a camera stream becomes metric depth and points (IMAGE= VIDEO= CAMERA= MODEL= WEIGHTS= DURATION=)'
	@echo 'make test     all tests (ARGS= for pytest, WORKERS=2)'
	@echo 'make ROS=jazzy … or ROS=kilted …  with the wheels of that distribution, each in an environment of its own'
	@echo 'make check    formatting, lint and types'
	@echo 'make build    set up .venv and install the package into it'
	@echo 'make format   let ruff format the sources'
	@echo 'make docs     the documentation as a site in out/site; warnings are errors (Python 3.11 or newer)'
	@echo 'make train-embedded  draw scenes and train ZoeD_S_NK on them, hours on two cores; resumes'
	@echo 'make clean    remove the environments, build and out'

build:
	@$(PYTHON) scripts/bootstrap.py

demo: build
	@$(VENV)/python scripts/demo.py $(if $(IMAGE),--image '$(IMAGE)') $(if $(VIDEO),--video '$(VIDEO)') \
	  $(if $(CAMERA),--camera $(CAMERA)) $(if $(MODEL),--model $(MODEL)) $(if $(WEIGHTS),--weights '$(WEIGHTS)') \
	  $(if $(DURATION),--duration $(DURATION))

test: build
	@$(VENV)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

check: build
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy

format: build
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

# Neither torch nor ROS: an environment of its own, without `make build`.
docs: .venv-docs/.requirements
	.venv-docs/bin/sphinx-build --fail-on-warning --keep-going --quiet --jobs auto docs out/site
	@echo out/site/index.html

.venv-docs/.requirements: docs/requirements.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip --disable-pip-version-check install --quiet -r docs/requirements.txt
	touch $@

clean:
	rm -rf .venv .venv-* build out

# A tuned allocator: without it a third of the time goes into handing memory back and forth.
train-embedded: build
	MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=268435456 \
	  OMP_NUM_THREADS=1 $(VENV)/python -m torch.distributed.run --standalone --nproc-per-node=$(PROCESSES) \
	  -m zoedepth_ros.cli.main train config/train_embedded.yaml --embed zoedepth_ros/weights/embedded
