# Needs Python 3.11 or newer and nothing else; without make: python3 -m membership_site.local COMMAND [ARGS]
PYTHON ?= python3
COMMANDS := demo test manage lint bench soak shots servers

.PHONY: help locks sbom $(COMMANDS)

help:
	@echo "make $(COMMANDS) [ARGS='…']   (see README.md and CONTRIBUTING.md)"

$(COMMANDS):
	@exec $(PYTHON) -m membership_site.local $@ $(ARGS)

# After a change of the dependencies in pyproject.toml: what is pinned stays, hashes come along, host names do not.
LOCK := .venv/bin/python -m uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url

locks:
	$(LOCK) --group local -o requirements.lock
	$(LOCK) --group local --group dev -c requirements.lock -o requirements-dev.lock

# What the site is made of (CycloneDX), from the lock alone. Known faults in it: uvx pip-audit -r requirements.lock, which asks the net.
sbom:
	@mkdir -p .local
	@.venv/bin/cyclonedx-py requirements requirements.lock --output-reproducible --of JSON -o .local/sbom.json
	@echo "· .local/sbom.json"
