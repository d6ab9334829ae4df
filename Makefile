# Needs Python 3.11 or 3.12, pip and make. Everything else is installed into .venv/.
#
#   ARGS   more arguments for pytest or the benchmarks, as in: make test-3.3 ARGS="-k window"
#   KEEP   make demo KEEP=1 keeps Airflow's UI running until Ctrl-C
#   API    make demo API=legacy, or API=ignite_v1, shows another API generation than ignite_v2

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The newest Airflow line comes first. It also lints, builds and runs the tests that do not need Airflow.
LINES       := 3.3 2.11
OTHER_LINES := 3.2 3.1
ALL_LINES   := $(LINES) $(OTHER_LINES)
PYTHON33    := .venv/airflow-3.3/bin/python

PYTHONS = 3.11 3.12
CANDIDATES = $(or $(PYTHON),$(PYTHONS:%=python%) python3 $(wildcard $(HOME)/.pyenv/versions/*/bin/python))
FIND_PYTHON = for candidate in $(CANDIDATES); do \
    "$$candidate" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv)' $(PYTHONS) 2>/dev/null \
      && { echo "$$candidate"; exit 0; }; \
  done; \
  echo "No Python $(subst $() , or ,$(PYTHONS)) found; looked for: $(CANDIDATES)." >&2; \
  echo "Install one, or give its path: make PYTHON=/path/to/python$(firstword $(PYTHONS)) ..." >&2; \
  exit 1

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z].*:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(LINES:%=.venv/airflow-%/.ready) ## Create .venv/airflow-3.3 and .venv/airflow-2.11 from the pins

# The pins are complete, so pip resolves nothing (--no-deps); pip check confirms that they are complete.
.venv/%/.ready: requirements/%.txt pyproject.toml
	@python=$$($(FIND_PYTHON)) || exit 1; \
	"$$python" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$$python cannot create virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	echo "Setting up $(@D)"; \
	"$$python" -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --requirement $<
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@broken=$$($(@D)/bin/python -m pip check) || { echo "$$broken" >&2; exit 1; }
	@touch $@

# The newest Python has the pins of the newest Airflow line.
.venv/python-3.13/.ready: PYTHONS = 3.13
.venv/python-3.13/.ready: requirements/airflow-3.3.txt

.PHONY: demo
demo: .venv/airflow-3.3/.ready ## Pull from a sandbox Flashpoint into a sandbox Devo with a real Airflow (KEEP=1, API=legacy)
	@$(PYTHON33) -m demo $(if $(KEEP),--keep) $(if $(API),--api $(API))

WITHOUT_SERVICES := not postgresql and not distributed and not browser

.PHONY: test
test: setup ## Run all tests on Airflow 3.3, and the tests that need Airflow on 2.11, side by side
	@echo "Running the tests without Airflow, on Airflow 3.3 and on 2.11 side by side; the output of each follows at its end"
	@$(MAKE) --no-print-directory --jobs=3 --keep-going --output-sync=target test-core test-airflow test-2.11
	@echo "All tests passed on Airflow $(firstword $(LINES)) and $(lastword $(LINES))"

.PHONY: test-3.3
test-3.3: .venv/airflow-3.3/.ready ## Run all tests on Airflow 3.3
	@echo "== Airflow 3.3: all tests"
	@$(PYTHON33) -m pytest $(ARGS)

.PHONY: test-core
test-core: .venv/airflow-3.3/.ready ## Run the tests that do not need Airflow
	@echo "== Airflow 3.3: the tests that do not need Airflow"
	@$(PYTHON33) -m pytest -m "not airflow and $(WITHOUT_SERVICES)" $(ARGS)

.PHONY: test-airflow
test-airflow: .venv/airflow-3.3/.ready ## Run the tests that need Airflow on Airflow 3.3
	@echo "== Airflow 3.3: the tests that need Airflow"
	@$(PYTHON33) -m pytest -m "airflow and $(WITHOUT_SERVICES)" $(ARGS)

.PHONY: test-2.11
test-2.11: .venv/airflow-2.11/.ready ## Run the tests that need Airflow on Airflow 2.11
	@echo "== Airflow 2.11: the tests that need Airflow"
	@.venv/airflow-2.11/bin/python -m pytest -m "airflow and $(WITHOUT_SERVICES)" $(ARGS)

# Forms, DAGs and tasks. fresh-% runs them all under a scheduler.
SHORT := $(addprefix tests/,connections status_page project/test_dag_integrity.py test_dag_builds.py operators/test_ignite.py)

.PHONY: test-versions
test-versions: setup $(OTHER_LINES:%=.venv/airflow-%/.ready) .venv/python-3.13/.ready ## Follow the README on each Airflow line, and run a part of the tests on 3.2, 3.1 and Python 3.13
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=target \
	  $(ALL_LINES:%=fresh-%) $(OTHER_LINES:%=test-%) test-python-3.13

.PHONY: $(ALL_LINES:%=fresh-%)
$(ALL_LINES:%=fresh-%): fresh-%: .venv/airflow-3.3/.ready
	@echo "== Airflow $*: the README, from pip install to filled lookups"
	@$(PYTHON33) -m tests.fresh_install --airflow $$(sed -n 's/^apache-airflow==//p' requirements/airflow-$*.txt) \
	  --constraints requirements/airflow-$*.txt --python $(CURDIR)/$(PYTHON33)

.PHONY: $(OTHER_LINES:%=test-%)
$(OTHER_LINES:%=test-%): test-%: .venv/airflow-%/.ready
	@echo "== Airflow $*: forms, DAGs, tasks and the status page"
	@.venv/airflow-$*/bin/python -m pytest -m "airflow and $(WITHOUT_SERVICES)" $(SHORT) $(ARGS)

.PHONY: test-python-3.13
test-python-3.13: .venv/python-3.13/.ready
	@echo "== Python 3.13: the tests that do not need Airflow"
	@.venv/python-3.13/bin/python -m pytest -m "not airflow and $(WITHOUT_SERVICES)" $(ARGS)

.PHONY: test-postgresql
test-postgresql: setup ## Run the tests that need PostgreSQL, which must be installed, on both Airflow lines
	@failed=; \
	for line in $(LINES); do \
	  echo "== Airflow $$line: the tests on PostgreSQL"; \
	  .venv/airflow-$$line/bin/python -m pytest -m postgresql $(ARGS) || failed="$$failed $$line"; \
	done; \
	if [ -n "$$failed" ]; then echo "FAILED on PostgreSQL and Airflow$$failed"; exit 1; fi

.PHONY: services
services: ## Install PostgreSQL and Redis if missing; if not root, print the command
	@requirements/services.sh postgresql redis-server

.PHONY: test-distributed
test-distributed: services $(LINES:%=.venv/distributed-%/.ready) ## Run the tests with two workers, on both Airflow lines
	@failed=; \
	for line in $(LINES); do \
	  echo "== Airflow $$line: the tests with two workers"; \
	  .venv/distributed-$$line/bin/python -m pytest -m distributed tests/distributed $(ARGS) || failed="$$failed $$line"; \
	done; \
	if [ -n "$$failed" ]; then echo "FAILED with two workers on Airflow$$failed"; exit 1; fi

.PHONY: chromium
chromium: .venv/browser/.ready
	@requirements/services.sh chromium

.venv/browser/.ready: requirements/airflow-3.3.txt

.PHONY: test-browser
test-browser: chromium ## Run the tests of the status page in a headless Chromium
	@.venv/browser/bin/python -m pytest -m browser tests/status_page $(ARGS)

.PHONY: screenshots
screenshots: chromium ## Make the images of the documents, from the demo's Airflow in a headless Chromium
	@.venv/browser/bin/python -m demo.screenshots

.PHONY: lint
lint: .venv/airflow-3.3/.ready ## Check style, layers, dependencies and types
	@$(PYTHON33) -m ruff check --preview .
	@$(PYTHON33) -m ruff format --preview --check .
	@$(PYTHON33) -m deptry airflow_provider_flashpoint
	@$(PYTHON33) -m mypy

.PHONY: format
format: .venv/airflow-3.3/.ready ## Format the code, and fix the lint errors that can be fixed automatically
	@$(PYTHON33) -m ruff check --preview --fix-only .
	@$(PYTHON33) -m ruff format --preview .

.PHONY: benchmark
benchmark: .venv/airflow-3.3/.ready ## Measure speed and memory
	@$(PYTHON33) -m benchmarks $(ARGS)

# The site needs none of the project's packages.
.venv/docs/.ready: requirements/docs.txt
	@python=$$($(FIND_PYTHON)) || exit 1; echo "Setting up $(@D)"; "$$python" -m venv --clear $(@D)
	@$(@D)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --requirement $<
	@touch $@

.PHONY: docs
docs: .venv/docs/.ready ## Build the site of the documentation, and check its links
	@NO_MKDOCS_2_WARNING=1 .venv/docs/bin/python -m mkdocs build
	@echo "Open site/index.html"

.PHONY: build
build: .venv/airflow-3.3/.ready ## Build the wheel and the source distribution into dist/
	@$(PYTHON33) -m build --no-isolation --outdir dist .

.PHONY: requirements
requirements: ## Update all pins
	@python=$$($(FIND_PYTHON)) || exit 1; \
	for name in $(ALL_LINES:%=airflow-%) $(LINES:%=distributed-%) docs; do requirements/freeze.sh "$$python" "$$name" || exit 1; done

.PHONY: clean
clean: ## Remove all files that make has created
	rm -rf .venv .demo dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
