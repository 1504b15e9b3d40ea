# make demo, make test: the two commands that a fresh machine needs. `make help` lists the others.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON ?= python3.13
UV := .tools/uv/bin/uv
BIN := .venv/bin
PIP_INSTALL = $(UV) pip install --quiet --require-hashes
COMPILE = ../$(UV) pip compile --quiet --python-version 3.13 --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make requirements'

.PHONY: help setup requirements proto check format test demo local bench build clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

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

requirements: $(UV) ## compile requirements/*.in again (needs the registry)
	cd requirements && for set in runtime development lambda sam uv; do $(COMPILE) $$set.in -o $$set.txt || exit 1; done
	cd requirements && $(COMPILE) --exclude-newer 2026-03-05 embedded.in -o embedded.txt

proto: setup ## generate the etcd messages again (a test compares them with rpc.proto)
	$(BIN)/python -m grpc_tools.protoc -I layers/holdfast/src --python_out=layers/holdfast/src --pyi_out=layers/holdfast/src holdfast/etcd/rpc.proto

clean: ## remove environments, builds and the embedded stack's state
	rm -rf .venv .tools .build .aws-sam .local
