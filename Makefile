# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The commands of the project. `make` alone shows them.

PYTHON ?= python3
ENVS = $(PYTHON) tests/tools/envs.py
CHECK = $(PYTHON) tests/tools/check.py

.DEFAULT_GOAL := help
.PHONY: help bench bench-quick demo peers soak lab lab-down lab-test test unit integration sanity lint list clean clean-cache python

help:
	@echo 'make demo         upload a build to three peers on this machine, twice, and show what they answered'
	@echo 'make peers        the same three peers, left running for you to play with'
	@echo 'make lab          a file server and five peers on this machine, real hosts (Linux, root)'
	@echo 'make lab-down     remove them'
	@echo 'make test         all checks; the parts of it:'
	@echo '  make unit         the unit tests, with the default Python'
	@echo '  make integration  the integration targets, on the oldest and the newest ansible-core'
	@echo '  make sanity       ansible-test sanity, on both'
	@echo '  make lint         the linters, the documentation, the build'
	@echo '  make lab-test     the scenarios on real hosts (Linux, root)'
	@echo '  make NAME         one check; make list shows their names'
	@echo 'make bench        measure beside curl, requests, uri and ping: all tables, half an hour (Linux, root)'
	@echo 'make bench-quick  the ratios alone, in less than two minutes'
	@echo 'make soak         1,000 uploads to peers that misbehave by chance (minutes)'
	@echo 'make clean        remove what the above left in the checkout (.build)'
	@echo 'make clean-cache  remove the environments, which are kept outside the checkout'

demo peers: python
	@$(ENVS) run default tests/demo/demo.py $@

soak: python
	@$(ENVS) run default tests/soak/soak.py

lab: python
	@$(ENVS) run default tests/lab/lab.py up

lab-down: python
	@$(ENVS) run default tests/lab/lab.py down

lab-test: python
	@$(CHECK) lab

bench: python
	@$(ENVS) run bench tests/bench/bench.py

bench-quick: python
	@$(ENVS) run bench tests/bench/bench.py --quick

test: python
	@$(CHECK)

unit: python
	@$(CHECK) unit-default

# These, and every name that is no target here, are checks or groups of checks.
integration sanity lint: python
	@$(CHECK) $@

list: python
	@$(CHECK) --list

clean:
	rm -rf .build

clean-cache:
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/renderops-vray_swarm"

python:
	@command -v $(PYTHON) > /dev/null || \
	    { echo 'error: $(PYTHON) is missing: install it (Debian: apt-get install python3 python3-venv)' >&2; exit 1; }

.DEFAULT:
	@$(MAKE) --no-print-directory python
	@$(CHECK) $@
