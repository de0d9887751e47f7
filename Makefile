# Needs Python 3.11 or newer and nothing else; without make: python3 -m membership_site.local COMMAND [ARGS]
PYTHON ?= python3
COMMANDS := demo test manage lint bench shots servers

.PHONY: help locks $(COMMANDS)

help:
	@echo "make $(COMMANDS) [ARGS='…']   (see README.md and CONTRIBUTING.md)"

$(COMMANDS):
	@exec $(PYTHON) -m membership_site.local $@ $(ARGS)

# After a change of the dependencies in pyproject.toml.
locks:
	uv export --quiet --format requirements-txt --no-dev --group local -o requirements.lock
	uv export --quiet --format requirements-txt --group local --group dev -o requirements-dev.lock
