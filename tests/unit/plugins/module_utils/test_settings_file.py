# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What swarm.yaml says, with PyYAML and without: both say the same, or the second one refuses."""

from __future__ import annotations

import traceback

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils import _settings_file
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import parse_settings

KEYS = ("vrayImportDir", "webPort")
PATH = "/etc/swarm/swarm.yaml"

WHOLE = """\
# Settings of V-Ray Swarm
mcastPort: 1112
webPort: 11130   # behind a firewall
allowExecutables: true
logging:
  level: INFO
  web:
    disabled: true
    webPort: 99
tags:
- webPort
- "a: b"
vrayImportDir: /srv/v-ray builds/Linux_x86
uploadsQueuePeriod: 10
"""

# The text, and what both must read of it.
SIMPLE = [
    ("", {}),
    ("# nothing\n", {}),
    ("---\nwebPort: 1113\n...\n", {"webPort": 1113}),
    ("--- # Swarm\nwebPort: 1113", {"webPort": 1113}),
    ("webPort: 1113", {"webPort": 1113}),
    ("webPort:    1113  \n", {"webPort": 1113}),
    ("webPort : 1113\n", {"webPort": 1113}),
    ("webPort: 1113 # the default\n", {"webPort": 1113}),
    ("#webPort: 1\nwebPort: 1113\n  # webPort: 2\n", {"webPort": 1113}),
    ("webPort: 1113\r\nvrayImportDir: D:\\vray\r\n", {"webPort": 1113, "vrayImportDir": "D:\\vray"}),
    ("webPort: 1113\rvrayImportDir: /a\r", {"webPort": 1113, "vrayImportDir": "/a"}),
    ("\ufeffwebPort: 1113\nvrayImportDir: /a\n", {"webPort": 1113, "vrayImportDir": "/a"}),
    (
        "vrayImportDir: C:\\ProgramData\\Swarm\\VRay\\import\n",
        {"vrayImportDir": "C:\\ProgramData\\Swarm\\VRay\\import"},
    ),
    ("vrayImportDir: C:/Program Files (x86)/Swarm\n", {"vrayImportDir": "C:/Program Files (x86)/Swarm"}),
    ("vrayImportDir: \\\\nas\\builds\\Windows_x86\n", {"vrayImportDir": "\\\\nas\\builds\\Windows_x86"}),
    ("vrayImportDir: //nas/builds\n", {"vrayImportDir": "//nas/builds"}),
    ("vrayImportDir: '\\\\nas\\v-ray builds' # all\n", {"vrayImportDir": "\\\\nas\\v-ray builds"}),
    ('vrayImportDir: "/srv/builds"\n', {"vrayImportDir": "/srv/builds"}),
    ("vrayImportDir: ''\n", {"vrayImportDir": ""}),
    ("vrayImportDir: '/srv/#1'\n", {"vrayImportDir": "/srv/#1"}),
    ('webPort: "1113"\n', {"webPort": "1113"}),
    ("vrayImportDir: /srv/Zürich\n", {"vrayImportDir": "/srv/Zürich"}),
    ("vrayImportDir: ~/builds\n", {"vrayImportDir": "~/builds"}),
    ("vrayImportDir: relative/import\n", {"vrayImportDir": "relative/import"}),
    ("webPort: 1\nwebPort: 2\n", {"webPort": 2}),
    ("webPort: 1113\nlogging:\n  web:\n    level: 'INFO'\n", {"webPort": 1113}),
    ("webPort: yes\n", {"webPort": True}),
    ("webPort: True # open\n", {"webPort": True}),
    ("webPort: OFF\n", {"webPort": False}),
    ("webPortOld: 1\nmyWebPort: 2\n", {}),
    (WHOLE, {"webPort": 11130, "vrayImportDir": "/srv/v-ray builds/Linux_x86"}),
]

# What only a YAML parser can read, and what it reads.
ELABORATE = [
    ("{webPort: 1113}\n", {"webPort": 1113}),
    ('{"webPort": 1113}\n', {"webPort": 1113}),
    ('"webPort": 1113\n', {"webPort": 1113}),
    ("'webPort': 1113\n", {"webPort": 1113}),
    ("? webPort\n: 1113\n", {"webPort": 1113}),
    ("webPort: 0x459\n", {"webPort": 0x459}),
    ("webPort: 02131\n", {"webPort": 0o2131}),
    ("webPort: 1_113\n", {"webPort": 1113}),
    ("webPort: 1113.0\n", {"webPort": 1113.0}),
    ("webPort:\n", {"webPort": None}),
    ("webPort: # none\n", {"webPort": None}),
    ("webPort: ~\n", {"webPort": None}),
    ("webPort: null\n", {"webPort": None}),
    ("webPort: !!int '1113'\n", {"webPort": 1113}),
    ("port: &port 1113\nwebPort: *port\n", {"webPort": 1113}),
    ('vrayImportDir: "D:\\\\vray"\n', {"vrayImportDir": "D:\\vray"}),
    ("vrayImportDir: 'it''s'\n", {"vrayImportDir": "it's"}),
    ("vrayImportDir: |\n  /srv/builds\n", {"vrayImportDir": "/srv/builds\n"}),
    ("vrayImportDir: >-\n  /srv/builds\n", {"vrayImportDir": "/srv/builds"}),
    ("vrayImportDir:\n  /srv/builds\n", {"vrayImportDir": "/srv/builds"}),
    ("vrayImportDir: /srv/v-ray\n  builds\n", {"vrayImportDir": "/srv/v-ray builds"}),
    ("vrayImportDir: /srv/v-ray\n\n  builds\n", {"vrayImportDir": "/srv/v-ray\nbuilds"}),
    ("vrayImportDir: [/srv/builds]\n", {"vrayImportDir": ["/srv/builds"]}),
    ("%YAML 1.1\n---\nwebPort: 1113\n", {"webPort": 1113}),
]

BROKEN = ["webPort: [\n", "webPort: 1\n  x: 2\n", "a\x00b: 1\n", "vrayImportDir: 'x\n"]
OTHERS = ["- webPort\n", "1113\n", "webPort\n", "2026-02-31\n"]


def relevant(settings):
    return {key: settings[key] for key in KEYS if key in settings}


@pytest.fixture
def without_yaml(monkeypatch):
    monkeypatch.setattr(_settings_file, "yaml", None)


needs_yaml = pytest.mark.skipif(_settings_file.yaml is None, reason="PyYAML is not installed")


@needs_yaml
@pytest.mark.parametrize("text, wanted", SIMPLE + ELABORATE)
def test_with_a_parser(text, wanted):
    assert relevant(parse_settings(text.encode("utf-8"), PATH, KEYS)) == wanted


@needs_yaml
def test_a_parser_reads_all_settings():
    settings = parse_settings(WHOLE.encode("utf-8"), PATH, KEYS)
    assert settings["allowExecutables"] is True
    assert settings["logging"]["web"] == {"disabled": True, "webPort": 99}


@pytest.mark.parametrize("text, wanted", SIMPLE)
def test_without_a_parser(without_yaml, text, wanted):
    assert parse_settings(text.encode("utf-8"), PATH, KEYS) == wanted


@pytest.mark.parametrize(
    "value, read", [("true", True), ("", None), ("~", None), ("!!bool yes", None), ("\n  on", None)]
)
def test_without_a_parser_what_is_not_needed_is_unknown_at_worst(without_yaml, value, read):
    text = f"webPort: 1113\nallowExecutables: {value}\n".encode()
    assert parse_settings(text, PATH, KEYS, ("allowExecutables",)) == {"webPort": 1113, "allowExecutables": read}


@pytest.mark.parametrize("text", [text for text, _wanted in ELABORATE] + BROKEN[2:])
def test_without_a_parser_nothing_is_guessed(without_yaml, text):
    with pytest.raises(OptionsError, match=r"^/etc/swarm/swarm.yaml: .* needs a YAML parser. Install PyYAML"):
        parse_settings(text.encode("utf-8"), PATH, KEYS)


def test_what_nobody_asks_for_may_be_elaborate(without_yaml):
    text = "tags: [a, b]\nwebPort: 1113\nnote: |\n  webPort: 1\nother: &x {a: *x}\n"
    assert parse_settings(text.encode("utf-8"), PATH, KEYS) == {"webPort": 1113}


@needs_yaml
@pytest.mark.parametrize("text", BROKEN)
def test_what_is_not_yaml(text):
    with pytest.raises(
        OptionsError, match=r"^/etc/swarm/swarm.yaml(, line \d+, column \d+: this)? is not valid YAML: [^\n]*$"
    ):
        parse_settings(text.encode("utf-8"), PATH, KEYS)


@needs_yaml
@pytest.mark.parametrize(
    "text",
    [
        "apiToken: 'S3cret\n",
        "apiToken: S3cret: more\n",
        "apiToken: *S3cret\n",
        "apiToken: &S3cret 1\nkey: &S3cret 2\n",
        "apiToken: !S3cret 1\n",
        "apiToken: !S3cret!x 1\n",
        "apiToken: !!int S3cret\n",
        "apiToken: !!bool S3cret\n",
        "apiToken: !!timestamp S3cret\n",
        "{apiToken: S3cret\n",
    ],
)
def test_no_secret_is_told_where_a_file_is_no_yaml(text):
    with pytest.raises(OptionsError, match="not valid YAML") as failed:
        parse_settings(text.encode("utf-8"), PATH, KEYS)
    told = "".join(traceback.format_exception(failed.type, failed.value, None))
    assert "s3cret" not in told.lower() and "apiToken" not in told


@needs_yaml
@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_mapping(text):
    with pytest.raises(OptionsError, match=r"swarm.yaml (holds a \w+ where|is not valid)"):
        parse_settings(text.encode("utf-8"), PATH, KEYS)


@needs_yaml
def test_no_object_is_made_of_what_a_file_says():
    with pytest.raises(OptionsError, match="not valid YAML"):
        parse_settings(b"webPort: !!python/object/apply:os.getpid []\n", PATH, KEYS)


@pytest.mark.parametrize("parser", [pytest.param("yaml", marks=needs_yaml), None])
def test_what_is_not_utf_8(monkeypatch, parser):
    if not parser:
        monkeypatch.setattr(_settings_file, "yaml", None)
    with pytest.raises(OptionsError, match=r"swarm.yaml is not UTF-8 \(byte 3\)"):
        parse_settings("a: \xe4\n".encode("latin-1"), PATH, KEYS)
