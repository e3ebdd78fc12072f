# The front door. meson builds (meson.build); the scripts in tools/ do the rest and can be run by hand.
#
# Variables: BUILD         where everything is built (build)
#            COVERAGE_MIN  lines that tests must reach, in per cent
#            LAYER         one layer's unit tests only, for `make unit`
#            T             arguments for pytest, for `make integration`
#            TARGET        one target, for `make fuzz`; SECONDS for each (60)
#            PREFIX        where `make install` puts the program (/usr/local)
BUILD        ?= build
COVERAGE_MIN ?= 90
PREFIX       ?= /usr/local
LAYER        ?=
T            ?=
TARGET       ?=
SECONDS      ?= 60
export BUILD COVERAGE_MIN

.DEFAULT_GOAL := help
.PHONY: help setup build test lint clang unit integration fuzz format demo demo-down bench install clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing: Debian packages, DuckDB, Python packages for the tests
	@tools/setup.sh build test

build: ## build the program: $(BUILD)/tote
	@tools/setup.sh build
	@tools/build.sh release

test: ## everything that must hold: layers, format, clang, unit and integration tests, coverage
	@tools/setup.sh build test
	@tools/run_tests.py

lint: ## only the quick checks: layers, banned functions, format
	@tools/setup.sh build test
	@tools/run_tests.py lint

clang: ## only the compile with clang
	@tools/setup.sh build test
	@tools/run_tests.py clang

unit: ## only the unit tests (one layer: LAYER=base)
	@tools/setup.sh build test
	@tools/run_tests.py unit $(LAYER)

integration: ## only the integration tests (some: T="-k smoke")
	@tools/setup.sh build test
	@tools/run_tests.py integration -- $(T)

fuzz: ## throw bytes at everything that parses (TARGET=record SECONDS=60; without TARGET: each in turn)
	@tools/setup.sh build fuzz
	@tools/build.sh fuzz fuzz
	@tools/fuzz.sh "$(SECONDS)" $(TARGET)

format: ## format the C files
	@tools/setup.sh test
	@tools/format.sh

demo: ## see it work on the real ToteSys data, in $(BUILD)/demo
	@tools/setup.sh build demo
	@tools/build.sh release
	@tools/demo.sh up

demo-down: ## stop the demo's database and remove $(BUILD)/demo
	@tools/demo.sh down

bench: ## measure against the floors of this machine (COPY, DuckDB alone)
	@tools/setup.sh build test
	@tools/build.sh release
	@bench/run

install: build ## install the program under PREFIX (/usr/local; DESTDIR is honoured)
	@tools/build.sh release --install "$(PREFIX)"

clean: ## remove what was built; downloads in .cache stay
	@tools/demo.sh down
	@rm -rf "$(BUILD)"
