# The commands that people look for. `make` alone lists them.
PYTHON = .venv/bin/python
PROSE = *.md docs/*.md

.PHONY: help install test processes browser soak lives lint docs lock format check ci clean

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

install: ## a virtual environment in .venv with all that development needs
	python3 -m venv .venv
	$(PYTHON) -m pip install -q -U pip
	$(PYTHON) -m pip install -e . --group dev

test: ## the first tier of the tests
	$(PYTHON) -m pytest -q

processes: ## the second tier: real processes, servers and frameworks
	$(PYTHON) -m pytest -q tests/processes

browser: ## the third tier: the inspector's page in Chromium (as root, to install it)
	.ci/browser $(PYTHON)

soak: ## processes under random faults for ten minutes, against a model of what must arrive
	$(PYTHON) -m tests.soak --seconds 600

LIVES = interrupts_pass calls_within_calls no_thread pools fork_in_c fork start_methods exit exits_together \
	flush_and_exit signals sigterm

lives: ## those of the second tier that are about threads, signals, forks and ends, and need no framework
	$(PYTHON) -m pytest -q $(LIVES:%=tests/processes/test_%.py)

lint: ## format, lint, spelling, types, prose
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m codespell_lib
	$(PYTHON) -m mypy analytics_posthog tests/typing/api.py
	$(PYTHON) -m pyright
	.venv/bin/proselint --config .proselintrc.json check $(PROSE)

docs: ## the site, in build/docs
	$(PYTHON) docs/generate.py
	$(PYTHON) -m sphinx -W --keep-going -q -b html docs build/docs

lock: ## writes the versions of the development environment
	$(PYTHON) -m pip freeze --exclude-editable >.ci/dev-lock.txt

format: ## reformats the code and mends what ruff can mend
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

check: lint test ## lint and the first tier

ci: ## all that must hold before a change goes in
	.ci/run

clean: ## removes what builds and tests leave behind
	rm -rf build dist htmlcov *.egg-info .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache
