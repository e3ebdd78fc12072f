# The front door. meson builds (meson.build); the scripts in tools/ do the rest and can be run by hand.
#
# Variables: BUILD         where everything is built (build)
#            COVERAGE_MIN  lines that tests must reach, in per cent
#            LAYER         one layer's unit tests only, for `make unit`
#            T             arguments for pytest, for `make integration` and `make browser`
#            ARCH          x86_64 or arm64 only, for `make lambda`
#            TARGET        one target, for `make fuzz`; SECONDS for each (60)
#            PREFIX        where `make install` puts the program (/usr/local)
BUILD        ?= build
COVERAGE_MIN ?= 90
PREFIX       ?= /usr/local
LAYER        ?=
ARCH         ?=
T            ?=
TARGET       ?=
SECONDS      ?= 60
export BUILD COVERAGE_MIN

.DEFAULT_GOAL := help
.PHONY: help setup build test lint clang unit integration browser screenshots format demo demo-down bench lambda install clean test-versions docs fuzz cloud-lint \
	test-cloud cloud-demo cloud-down

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing: Debian packages, DuckDB, Python packages for the tests
	@tools/setup.sh build test

build: ## build the program: $(BUILD)/tote
	@tools/setup.sh build
	@tools/build.sh release

test: ## everything that must hold: layers, format, clang, unit and integration tests, coverage
	@tools/setup.sh build test docs
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

browser: ## only the tests of the page in a real browser (some: T="-k phone")
	@tools/setup.sh build test
	@tools/run_tests.py integration -- test/browser $(T)

screenshots: ## take the README's pictures of the page anew, in docs/images
	@tools/setup.sh build test
	@tools/build.sh release
	@TOTE_BIN=$(BUILD)/tote .cache/venv/bin/python tools/screenshots.py docs/images

test-versions: ## integration tests against PostgreSQL 13, 14, 16, 17, 18 (some: V="13 18"); not in `make test`
	@tools/setup.sh build test
	@tools/other_postgres.sh $(V)

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

docs: ## build the documentation site: $(BUILD)/docs/index.html
	@tools/setup.sh docs
	@NO_MKDOCS_2_WARNING=1 .cache/docs/bin/mkdocs build --strict --quiet --site-dir "$(abspath $(BUILD))/docs"

bench: ## measure against the floors of this machine (COPY, DuckDB alone)
	@tools/setup.sh build test
	@tools/build.sh release
	@bench/run

lambda: ## build what AWS Lambda runs, for x86_64 and arm64 (one: ARCH=x86_64), and check it
	@tools/setup.sh build lambda
	@tools/lambda_build.sh $(ARCH)

cloud-lint: ## check terraform/ and .github/: fmt, validate, tflint, checkov, actionlint, zizmor
	@tools/setup.sh cloud-lint
	@tools/cloud_lint.sh

test-cloud: ## the deployment at work on a local AWS that runs the functions (22 minutes)
	@tools/setup.sh build test lambda cloud
	@tools/build.sh release
	@tools/lambda_build.sh x86_64
	@tools/run_tests.py cloud

cloud-demo: ## see the deployment at work on a local AWS, in $(BUILD)/cloud
	@tools/setup.sh build test lambda cloud
	@tools/lambda_build.sh x86_64
	@.cache/venv/bin/python tools/cloud.py demo

cloud-down: ## stop what cloud-demo left running
	@.cache/venv/bin/python tools/cloud.py down

install: build ## install the program under PREFIX (/usr/local; DESTDIR is honoured)
	@tools/build.sh release --install "$(PREFIX)"

clean: ## remove what was built; downloads in .cache stay
	@tools/demo.sh down
	@rm -rf "$(BUILD)"
