# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings whose keys say that they are secret, there and wanted, and a look for them in all that a run leaves."""

from __future__ import annotations

import base64

import yaml

OLD = {
    "apiToken": "was-token",
    "proxy": {"user": "joe", "passwd": "was-passwd"},
    "credentials": {"who": "was-who"},
    "keys": ["was-key"],
    "pin_secret": 47110815,
    "gone": {"password": "was-gone"},
    "upstream": "http://joe:was-url@proxy:3128",
    "run": ["--authToken", "was-option"],
}
NEW = {
    "apiToken": "new-token",
    "proxy": {"passwd": "new-passwd"},
    "credentials": {"who": "new-who"},
    "keys": ["new-key", {"also": "new-item"}],
    "pin_secret": 47110816,
    "added": {"clientSecret": "new-client"},
    "upstream": "http://joe:new-url@proxy:3128",
    "run": ["--authToken", "new-option"],
}
SWITCHED_OFF = "# password: was-commented"


def _values(settings):
    if isinstance(settings, dict):
        for key, item in settings.items():
            if key not in ("user", "upstream", "run"):
                yield from _values(item)
    elif isinstance(settings, list):
        for item in settings:
            yield from _values(item)
    else:
        yield str(settings)


SECRETS = [*_values(OLD), *_values(NEW), "was-commented", "was-url", "new-url", "was-option", "new-option"]


def add_secrets(config):
    """Let the file of a peer have the old ones."""
    before, text = config.read_bytes(), f"{SWITCHED_OFF}\n{yaml.safe_dump(OLD)}".encode()
    config.write_bytes(before + (text.replace(b"\n", b"\r\n") if b"\r\n" in before else text))


def merged():
    """What the file says afterwards where nothing is removed."""
    return {**OLD, **NEW, "proxy": {**OLD["proxy"], **NEW["proxy"]}}


def said(config):
    """What the file of a peer says of them."""
    found = yaml.safe_load(config.read_bytes())
    return {key: found.get(key) for key in {**OLD, **NEW}}


def look_for_secrets(farm, run, *contents):
    """Neither the output, nor results and arguments that callbacks get, nor facts that are kept, hold one."""
    events = [path.read_text() for path in farm.directory.glob("events*.jsonl")]
    facts = [path.read_text() for path in farm.directory.glob("facts/*")]
    assert events
    for text in (run.output, *events, *facts):
        assert [secret for secret in SECRETS if secret in text] == []
    for content in contents:
        assert base64.b64encode(content).decode() not in run.output


def keep_facts(farm, monkeypatch):
    monkeypatch.setenv("ANSIBLE_CACHE_PLUGIN", "jsonfile")
    monkeypatch.setenv("ANSIBLE_CACHE_PLUGIN_CONNECTION", str(farm.directory / "facts"))
