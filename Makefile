# make demo, make test: the two commands that a fresh machine needs. `make help` lists the others.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3.13
UV := .tools/uv/bin/uv
SAM := .tools/sam/bin/sam
BIN := .venv/bin
PIP_INSTALL = $(UV) pip install --quiet --require-hashes
COMPILE = ../$(UV) pip compile --quiet --python-version 3.13 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make requirements'

# What checks and tests call: program:package of Debian.
SYSTEM = $(NODES) shellcheck:shellcheck sshd:openssh-server sudo:sudo busybox:busybox dash:dash
# The same for the nodes in namespaces that the demo has too.
NODES := nsenter:util-linux curl:curl openssl:openssl zstd:zstd
# A real S3 server for tests/interop: 67 MB to download, 250 MB on disk, 13 seconds.
CEPH := ceph-mon:ceph-mon ceph-osd:ceph-osd radosgw:radosgw ceph-authtool:ceph-common

.PHONY: help setup system requirements proto iam-page check format test e2e demo local bench build clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: .venv/.installed ## the environment .venv, with the package in it

$(UV): requirements/uv.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not on PATH; Holdfast needs Python 3.13 (set PYTHON=/path/to/python3.13)" >&2; exit 1; }
	$(PYTHON) -m venv .tools/uv
	.tools/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.installed: $(UV) requirements/development.txt layers/holdfast/pyproject.toml
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(PIP_INSTALL) -p $(BIN)/python -r requirements/development.txt
	$(UV) pip install --quiet -p $(BIN)/python --no-deps --no-build-isolation -e layers/holdfast
	@touch $@

$(SAM): $(UV) requirements/sam.txt
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .tools/sam
	$(PIP_INSTALL) -p .tools/sam/bin/python -r requirements/sam.txt
	@touch $@

system:
	@missing=; for each in $(SYSTEM); do \
		PATH="$$PATH:/usr/sbin" command -v "$${each%%:*}" >/dev/null || missing="$$missing $${each#*:}"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
		echo "installing$$missing"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	else echo "error: missing packages:$$missing; install them (Debian: sudo apt-get install$$missing)" >&2; exit 1; fi

requirements: $(UV) ## compile requirements/*.in again (needs the registry)
	cd requirements && for set in runtime development lambda sam uv; do $(COMPILE) $$set.in -o $$set.txt || exit 1; done
	cd requirements && $(COMPILE) --exclude-newer 2026-03-05 embedded.in -o embedded.txt

proto: setup ## generate the etcd messages again (a test compares them with rpc.proto)
	$(BIN)/python -m grpc_tools.protoc -I layers/holdfast/src --python_out=layers/holdfast/src --pyi_out=layers/holdfast/src holdfast/etcd/rpc.proto

iam-page: setup ## write docs/reference/iam.md from the template again (a test compares them)
	PYTHONPATH=tests $(BIN)/python -m template.iam_page

check: setup system $(SAM) ## format, lint, types, import layers, template, state machine, roles: fast, offline after the first time
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary layers/holdfast/src tests bench functions
	$(BIN)/lint-imports --no-logo
	shellcheck .ci/run $$(git ls-files '*.sh')
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-west-1 $(SAM) validate --lint
	$(BIN)/pytest --quiet -m 'not builds' tests/template

format: setup ## put the code into its format and repair what ruff can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test: SYSTEM += $(CEPH)
test: check ## everything that a clean checkout can run
	$(BIN)/pytest --quiet

e2e: setup ## the same backups against a real cluster, and restores with HOLDFAST_E2E_RESTORE=yes (tests/README.md)
	$(BIN)/pytest --quiet tests/cluster

demo: SYSTEM = $(NODES)
demo: setup system ## the main job on this machine: schedule, backup, verification; the cluster destroyed, restored with an approval
	$(BIN)/holdfast demo

local: setup ## start the embedded AWS stack and deploy template.yaml into it
	$(BIN)/holdfast local up

bench: setup ## the figures of the README
	$(BIN)/python -m bench.backup

# The environment of uv comes first on PATH: it has a python3.13 with pip, whatever shims the machine has.
build: $(SAM) ## sam build, without a container
	PATH="$(CURDIR)/.tools/uv/bin:$$PATH" SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-west-1 $(SAM) build --template template.yaml

clean: ## remove environments, builds and the embedded stack's state
	rm -rf .venv .tools .build .aws-sam .local
