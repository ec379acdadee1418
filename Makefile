# The two commands: `make demo` and `make test`. Each does its own set-up first.
# pyenv is asked for the user's own versions, since .python-version (for hosting platforms) names one.
PYTHON ?= $(shell PYENV_VERSION="$${PYENV_VERSION:-$$(pyenv global 2>/dev/null | paste -sd: -)}"; \
	export PYENV_VERSION; for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys; sys.version_info < (3, 11) and sys.exit(1); print(sys.executable)' \
	2>/dev/null && break; done)
BIN := .venv/bin
ARGS ?=

.PHONY: demo test check fix bench chaos stubs audit lock clean

demo: .venv/.installed
	@$(BIN)/hygiene demo $(ARGS)

# With compiled files kept, whatever the shell says: the tests start hundreds of processes.
test: .venv/.installed-dev
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest $(ARGS)

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What ruff can mend by itself, then the format.
fix: .venv/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# All benches in under 20 minutes, into bench/results.json, and the table of docs/performance.md.
bench: .venv/.installed-dev
	@$(BIN)/python -m bench.run $(ARGS)
	@$(BIN)/python -m bench.report

# Seeded schedules of faults against the real system, and deliberately broken builds that must be
# caught; an hour.
chaos: .venv/.installed-dev
	@$(BIN)/python -m chaos $(ARGS)
	@$(BIN)/python -m chaos --mutants

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found."; exit 2; }
	@echo "Making the environment (.venv) with $(PYTHON) ..."
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { rm -rf .venv && \
		$(PYTHON) -m pip install --quiet --target .venv-bootstrap virtualenv >/dev/null 2>&1 && \
		PYTHONPATH=.venv-bootstrap $(PYTHON) -m virtualenv --quiet .venv; } || { \
		echo "No environment could be made: install Python's venv (on Debian and Ubuntu:" \
		"apt-get install python3-venv), then run make again." >&2; exit 2; }

.venv/.installed: requirements-demo.lock pyproject.toml | .venv/bin/python
	@echo "Installing the locked dependencies ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-demo.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.installed
	@echo "Installing the test tools ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# The messages of Salesforce's Pub/Sub API, for the connector and for its stand-in.
STUBS = connectors/salesforce/pubsub sandbox/salesforce/pubsub
stubs: .venv/.installed-dev
	@for to in $(STUBS); do $(BIN)/python -m grpc_tools.protoc -I connectors/salesforce/pubsub \
		--python_out=$$to pubsub_api.proto; done

# Known holes in what is locked, from the public advisory database (needs the network).
audit: .venv/.installed-dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements-streaming.lock

# Renews the lock files (needs uv on the PATH); they carry hashes and no registry host. Production
# gets the first, or the second where it follows change events; the demo the third, and development
# the last on top.
LOCK = uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate \
	--no-header --python-version 3.11 --group build pyproject.toml
lock:
	$(LOCK) -o requirements.lock
	$(LOCK) --extra streaming -c requirements.lock -o requirements-streaming.lock
	$(LOCK) --extra demo -c requirements.lock -o requirements-demo.lock
	$(LOCK) --extra dev -c requirements-demo.lock -c requirements-streaming.lock \
		-o requirements-dev.lock

clean:
	rm -rf .venv .venv-bootstrap .hygiene
