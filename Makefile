# Everything here works from a bare checkout: each target does the set-up it needs.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
# Of the tests: they wait more than they compute.
WORKERS ?= 4
CHROMIUM := /usr/bin/chromium
NODE := $(or $(shell command -v node),/usr/bin/node)
NPM := $(or $(shell command -v npm),/usr/bin/npm)

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
TRACE_AGENT := $(VENV)/trace-agent/.ready
# The engines that this one is measured against live apart: their needs are not this project's.
PEERS := $(VENV)/bench
PEERS_STAMP := $(PEERS)/.ready
PEERS_NPM := tests/benchmarks/peers/package-lock.json

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: setup play test test-postgres torture trace-agent mutants bench rules lint fmt lock audit clean

setup: $(STAMP)
	@echo "Ready: make play, make test."

play: $(STAMP)
	$(BIN)/python manage.py play --host "$(HOST)" --port "$(PORT)"

test: $(STAMP) $(CHROMIUM) $(NODE) lint
	$(BIN)/python -m tests.on_postgres both -n $(WORKERS) --dist loadfile

# All tests of the ordinary suite that touch a database or a socket, on PostgreSQL with Redis between processes.
test-postgres: $(STAMP) $(CHROMIUM)
	$(BIN)/python -m tests.on_postgres -n $(WORKERS) --dist loadfile tests/integration tests/faults tests/fuzz tests/browser

# Killed, paused and cut off for real, many times over; says at its end what was survived.
torture: $(STAMP) $(TRACE_AGENT) test-postgres
	$(BIN)/pytest -n 2 --dist loadfile -m torture

# Datadog's test agent, for the tests of torture: it takes OTLP over HTTP and shows what it got.
trace-agent: $(TRACE_AGENT)

# Breaks every rule on purpose and sees whether its test notices; RULE="7 19" only these.
mutants: $(STAMP)
	$(BIN)/python -m tests.broken $(RULE)

# Measures everything, or PARTS="engine whole"; QUICK=--quick only proves that it runs. The last line is one JSON object.
bench: $(STAMP) $(PEERS_STAMP)
	@$(BIN)/python -m tests.benchmarks $(PARTS) $(QUICK)

# Writes docs/RULES.md from the table of rules.
rules: $(STAMP)
	$(BIN)/python -m tests.broken.page

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check
	$(BIN)/python manage.py check

fmt: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Pins every dependency with its hashes, for every platform and Python that the project supports.
lock: $(STAMP)
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet uv
	$(VENV)/lock/bin/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 \
		--all-extras --generate-hashes --no-annotate --custom-compile-command "make lock" \
		--output-file requirements.lock
	$(VENV)/lock/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --extra temporal \
		--constraint requirements.lock --generate-hashes --no-annotate --custom-compile-command "make lock" \
		--output-file requirements-run.lock
	$(VENV)/lock/bin/uv pip compile --group pyproject.toml:bench --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-annotate --custom-compile-command "make lock" \
		--output-file requirements-bench.lock

# Asks the package index what is known against the pinned versions; a version that it cannot be asked about fails.
audit: $(STAMP)
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install --quiet pip-audit
	$(VENV)/audit/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements.lock

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp comes last, so that an interrupted set-up starts over.
$(STAMP): requirements.lock
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(call apt_install,python3-venv)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# An environment of its own: it wants an older OpenTelemetry than the playground.
$(TRACE_AGENT): $(STAMP)
	$(PYTHON) -m venv $(VENV)/trace-agent
	$(VENV)/trace-agent/bin/pip install --quiet "ddapm-test-agent>=1.69,<2"
	@touch $@

$(PEERS_STAMP): requirements-bench.lock $(PEERS_NPM) | $(STAMP) $(NPM)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --require-hashes --requirement requirements-bench.lock
	cp $(dir $(PEERS_NPM))package.json $(PEERS_NPM) $(PEERS)
	$(NPM) ci --silent --ignore-scripts --prefix $(PEERS)
	@touch $@

$(CHROMIUM):
	@$(call apt_install,chromium)

$(NODE):
	@$(call apt_install,nodejs)

$(NPM):
	@$(call apt_install,npm)

# Installs Debian packages as root or through sudo; says what to do where neither is at hand.
define apt_install
{ \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=sudo; \
	else as_root=no; fi; \
	if [ "$$as_root" = no ] || ! command -v apt-get >/dev/null; then \
		echo "Please install $(1) first (on Debian: apt-get install $(1)), then try again." >&2; exit 1; \
	fi; \
	$$as_root apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -y -qq --no-install-recommends $(1) >/dev/null; \
}
endef
