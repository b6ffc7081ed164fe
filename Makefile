# `make demo` and `make test` work in a fresh clone; `make help` lists all targets.
PYTHON ?= python3
# Distribution of the ROS 2 wheels, if none is sourced.
ROS ?=
export ROS
VENV = $(shell ROS='$(ROS)' $(PYTHON) scripts/bootstrap.py --environment)/bin
# --NAME='VALUE' for a variable that is set
option = $(if $($1),--$2='$(subst ','\'',$($1))')
# of a training; they must divide the batch size
PROCESSES ?= 2
# of the tests
WORKERS ?= 2

# .venv is an overlay of a sourced ROS 2 distribution.
ifneq ($(AMENT_PREFIX_PATH),)
export AMENT_PREFIX_PATH := $(CURDIR)/.venv:$(AMENT_PREFIX_PATH)
export LD_LIBRARY_PATH := $(CURDIR)/.venv/lib:$(LD_LIBRARY_PATH)
endif

.PHONY: help build demo test check format docs clean train-embedded path-traced

help:
	@echo 'make demo     turn an image stream into metric depth and points (IMAGE= VIDEO= CAMERA= MODEL= WEIGHTS= DURATION=)'
	@echo 'make test     all tests (ARGS= for pytest, WORKERS=2)'
	@echo 'make ROS=jazzy … or ROS=kilted …  use the wheels of this distribution, in an environment of its own'
	@echo 'make check    formatting, lint and types'
	@echo 'make build    make .venv and install the package into it'
	@echo 'make format   format the sources with ruff'
	@echo 'make docs     build the documentation in out/site; warnings are errors (Python 3.11 or newer)'
	@echo 'make train-embedded  render scenes and train ZoeD_S_NK on them, hours on two cores; resumes'
	@echo 'make path-traced     render images of rooms, tables and crates with Mitsuba into out; hours on two cores; resumes'
	@echo 'make clean    remove the environments, build and out'

build:
	@$(PYTHON) scripts/bootstrap.py

demo: build
	@$(VENV)/python scripts/demo.py $(call option,IMAGE,image) $(call option,VIDEO,video) \
	  $(call option,CAMERA,camera) $(call option,MODEL,model) $(call option,WEIGHTS,weights) \
	  $(call option,DURATION,duration)

test: build
	@$(VENV)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

check: build
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy

format: build
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

# Needs neither torch nor ROS, only an environment of its own.
docs: .venv-docs/.requirements
	.venv-docs/bin/sphinx-build --fail-on-warning --keep-going --quiet --jobs auto docs out/site
	@echo out/site/index.html

.venv-docs/.requirements: docs/requirements.txt
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip --disable-pip-version-check install --quiet -r docs/requirements.txt
	touch $@

clean:
	rm -rf .venv .venv-* build out

# Without these allocator settings a third of the time is spent on returning memory to the system.
train-embedded: path-traced
	MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=268435456 \
	  OMP_NUM_THREADS=1 $(VENV)/python -m torch.distributed.run --standalone --nproc-per-node=$(PROCESSES) \
	  -m zoedepth_ros.cli.main train config/train_embedded.yaml --embed zoedepth_ros/weights/embedded

# Photographs of wood, fabric, stone and packages, CC BY 3.0 and CC0; only training needs them.
out/textures:
	@command -v apt-get dpkg-deb > /dev/null || { echo 'put .jpg files of materials into $@, such as those of the Debian package sweethome3d-furniture' >&2; exit 1; }
	mkdir -p out/textures.part
	cd out/textures.part && apt-get download sweethome3d-furniture && dpkg-deb -x sweethome3d-furniture_*.deb .
	mv out/textures.part/usr/share/sweethome3d/furniture $@
	rm -r out/textures.part

# Images with exact depth for `dataset: folder`, path-traced; those of out/path_traced_val have models and textures of their own.
IMAGES ?= 2000
VALIDATION_IMAGES ?= 100
path-traced: build out/textures out/hdri out/llvm
	export DRJIT_LIBLLVM_PATH="$${DRJIT_LIBLLVM_PATH:-$$(find out/llvm -name 'libLLVM*.so*' | head -n 1)}" && \
	  $(VENV)/python scripts/render_path_traced.py out/path_traced --images $(IMAGES) --processes $(PROCESSES) && \
	  $(VENV)/python scripts/render_path_traced.py out/path_traced_val --split val --images $(VALIDATION_IMAGES) --processes $(PROCESSES)

# Surroundings from Poly Haven, CC0.
out/hdri:
	@command -v npm > /dev/null || { echo 'put .exr files of surroundings into $@, such as those of the npm package @pmndrs/assets' >&2; exit 1; }
	mkdir -p out/hdri.part
	cd out/hdri.part && npm pack @pmndrs/assets@1.7.0 && tar -xzf pmndrs-assets-1.7.0.tgz package/hdri
	mv out/hdri.part/package/hdri $@
	rm -r out/hdri.part

# Empty if a suitable LLVM is installed or none can be had; Mitsuba is slower without one.
out/llvm: | build
	mkdir -p $@
	$(VENV)/python -c 'import sys; from zoedepth_ros.path_traced.renderer import has_llvm; sys.exit(not has_llvm())' || \
	  { cd $@ && apt-get download libllvm19 && dpkg-deb -x libllvm19_*.deb . ; } || true
