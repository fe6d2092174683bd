# make demo            from data to a live prediction, then the app on it   (HEADLESS=1: print it; DIR=path: where to)
# make test            the tests, in three processes                         (ARGS="tests/store -k fold": some of them)
# make check           format, lint, types, import rules
# make torture         the long form of the fault tests, NFS and power cuts included: an hour or two, as root on Debian
#                      (ARGS="storm --seconds 60": some of its parts); writes docs/reliability.md
# make bench           the measurements, each beside its peer or its limit
# make lock            resolve the lock files anew (needs uv)
# PYTHON=/path         the Python that makes .venv, by default the newest one there is

VENV := .venv
export PYTHON

.PHONY: demo test check torture bench lock run-tools test-tools

demo: run-tools
	@$(VENV)/bin/cupola demo $(if $(DIR),--dir "$(DIR)") $(if $(filter-out 0,$(HEADLESS)),--headless)

test: test-tools
	$(VENV)/bin/pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: test-tools
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	@$(VENV)/bin/python -m tests.torture.results

torture: test-tools
	$(VENV)/bin/python -m tests.torture $(ARGS)

bench: test-tools
	$(VENV)/bin/python -m benchmarks $(ARGS)

run-tools:
	@.ci/install run

test-tools:
	@.ci/install test

COMPILE := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

lock:
	$(COMPILE) --group build --group test -o requirements-test.lock
	$(COMPILE) --group build -c requirements-test.lock -o requirements.lock
