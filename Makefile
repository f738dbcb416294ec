# Everything sets itself up: `make demo` and `make test` are the only two commands a newcomer needs.

PYTHON ?= $(shell .ci/python)
VENV := .venv
BIN := $(VENV)/bin
BENCH := .venv-bench/bin
# What other packages' versions can break.
QUICK := tests/drop_in tests/core tests/harness tests/kept tests/providers tests/transport tests/utils tests/wire

.PHONY: demo test test-long check newest oldest nightly bench conformance ecosystem audit format live recordings docs chart package sbom clean help

help: ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

demo: $(VENV)/.demo ## the main job against loopback providers and a real llama.cpp, no keys needed
	@$(BIN)/python -W ignore::UserWarning -m examples.demo

test: check ## lint, types, import contracts, gates, then every test
	@$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest --cov --cov-config=setup.cfg --cov-report= --cov-fail-under=95 -n 2 --dist worksteal

test-long: $(VENV)/.dev ## every test, the long ones of their whole length
	MUXI_LLM_LONG=1 $(BIN)/python -m pytest -n 2 --dist worksteal --timeout 3600

check: $(VENV)/.dev ## lint, types and import contracts (the gates run with the tests)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg --no-cache

newest: ## the quick tests on the newest versions pyproject.toml allows
	@.ci/venv "$(PYTHON)" .venv-newest
	@.venv-newest/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	@.venv-newest/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[all,demo]' --group dev
	.venv-newest/bin/python -m pytest -n 2 --dist worksteal $(QUICK)

oldest: .venv-oldest/.done ## the quick tests on the lowest ones
	.venv-oldest/bin/python -m pytest -n 2 --dist worksteal $(QUICK)

nightly: ## what takes too long for every change, one after the other, whatever fails
	@$(MAKE) --keep-going newest oldest test-long conformance ecosystem audit

audit: $(VENV)/.dev ## what looks unsafe in the code, and which of the packages have known weaknesses
	$(BIN)/bandit --quiet --recursive muxi_llm -ll -ii
	$(BIN)/pip-audit --skip-editable --progress-spinner off

format: $(VENV)/.dev ## put the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv-bench/.done .venv-bench-litellm/.done ## CPU time beside the openai, anthropic and litellm packages
	$(BENCH)/python -m bench.run $(ARGS)

conformance: .venv-conformance/.done ## the openai and anthropic packages' own test suites, theirs beside ours
	@.venv-conformance/bin/python -m tests.conformance $(ARGS)

ecosystem: $(VENV)/.dev ## other people's clients and tracers on our clients, each in its own environment
	@$(BIN)/python tests/ecosystem/run.py $(ARGS)

live: $(VENV)/.dev ## ask a real provider and keep what it answers: make live PROVIDER=groq (its key is needed)
	@$(BIN)/python -m tests.live $(PROVIDER) $(if $(MODEL),--model $(MODEL)) $(if $(SKIP),--skip $(SKIP))

recordings: $(VENV)/.dev ## which recorded traffic is replayed, by provider and feature, and why the rest is not
	@$(BIN)/python -m tests.recordings

docs: $(VENV)/.dev ## build the documents into build/site, warnings as errors
	@$(BIN)/python docs/pages.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

chart: $(VENV)/.dev ## draw the documents' chart of bench/results anew
	@$(BIN)/python -m bench.ratios

package: $(VENV)/.dev ## wheel and sdist into dist/, and each extra tried alone in an empty environment
	@rm -rf dist
	@$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	@$(BIN)/python -c 'from setuptools.build_meta import build_sdist; build_sdist("dist")' >/dev/null
	@$(BIN)/python tests/package.py dist/*.whl

sbom: $(VENV)/.dev ## what is installed with us, as CycloneDX, in dist/sbom.json
	@mkdir -p dist
	@$(BIN)/python -m cyclonedx_py environment --pyproject pyproject.toml --output-reproducible --output-file dist/sbom.json $(BIN)/python

clean: ## remove every environment and cache
	rm -rf $(VENV) .venv-* .coverage* .hypothesis .mypy_cache .ruff_cache build dist *.egg-info

$(VENV)/.base:
	@.ci/venv "$(PYTHON)" $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.base pyproject.toml
	@echo "installing muxi-llm ..."
	@$(BIN)/python -m pip install --quiet --editable '.[fast,gateway,presets]'
	@$(BIN)/python -m pip install --quiet --editable '.[demo]' || echo "NOTE: no wheel of llama.cpp for this machine; the demo will skip the real model."
	@touch $@

$(VENV)/.dev: $(VENV)/.demo pyproject.toml .ci/system
	@.ci/system redis-server=redis-server espeak-ng=espeak-ng psql=postgresql nginx=nginx chromium=chromium
	@echo "installing the development tools ..."
	@$(BIN)/python -m pip install --quiet 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $@

.venv-oldest/.done: pyproject.toml .ci/oldest
	@.ci/venv "$(PYTHON)" .venv-oldest
	@.ci/oldest .venv-oldest
	@touch $@

.venv-bench/.done: bench/requirements.txt pyproject.toml
	@.ci/venv "$(PYTHON)" .venv-bench
	@$(BENCH)/python -m pip install --quiet --editable '.[fast]' -r bench/requirements.txt
	@touch $@

.venv-conformance/.done: tests/conformance/requirements.txt pyproject.toml
	@.ci/venv "$(PYTHON)" .venv-conformance
	@.venv-conformance/bin/python -m pip install --quiet --editable '.[all]' -r tests/conformance/requirements.txt
	@touch $@

.venv-bench-litellm/.done: bench/requirements-litellm.txt
	@.ci/venv "$(PYTHON)" .venv-bench-litellm
	@.venv-bench-litellm/bin/python -m pip install --quiet -r bench/requirements-litellm.txt
	@touch $@
