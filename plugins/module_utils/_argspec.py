# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The options that plugins share, once."""

from __future__ import annotations

import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import PLATFORMS

_PEER: t.Dict[str, t.Dict[str, t.Any]] = {
    "peer": {"type": "str"},
    "web_port": {"type": "int", "default": 1113},
    "connect_timeout": {"type": "float", "default": 10},
    "data_dir": {"type": "path"},
    "config": {"type": "path"},
}

_UPLOAD: t.Dict[str, t.Dict[str, t.Any]] = {
    "service": {"type": "str"},
    "src": {"type": "path", "required": True},
    "remote_src": {"type": "bool", "default": False},
    "queued": {"type": "bool", "default": False},
    "awaited": {"type": "bool", "default": False},
    "version": {"type": "str"},
    "checksum": {"type": "str"},
    "stall_timeout": {"type": "float", "default": 60},
    "deploy_timeout": {"type": "float", "default": 1800},
    "retries": {"type": "int", "default": 3},
    "retry_delay": {"type": "float", "default": 5},
    "rate_limit": {"type": "int", "default": 0},
    "progress_interval": {"type": "float", "default": 10},
    "allow_shared_import": {"type": "bool", "default": False},
    "allow_installers": {"type": "bool", "default": True},
    "force": {"type": "bool", "default": False},
}

# What a look can do without, and what it takes its time for.
DETAILS = ("build_sizes", "busy", "disk", "import_checksums", "import_platforms")

_PEER_INFO: t.Dict[str, t.Dict[str, t.Any]] = {
    "import_dir": {"type": "path"},
    "share_path": {"type": "path"},
    "share_credentials": {"type": "path"},
    # Made by the action plugin: the values themselves would show up where arguments are shown.
    "share_digest": {"type": "str", "no_log": True},
    # Set by the action plugin, where wanted.keyring is given.
    "share_signature": {"type": "bool", "default": False},
    "service": {"type": "str"},
    "api_from": {"type": "str", "choices": ["controller", "peer"], "default": "controller"},
    "details": {"type": "list", "elements": "str", "choices": list(DETAILS), "default": list(DETAILS)},
    "discover": {"type": "bool", "default": False},
    "watch": {"type": "float", "default": 0},
    "platform": {"type": "str", "choices": list(PLATFORMS)},
    "wanted": {
        "type": "dict",
        "options": {
            "settings": {"type": "dict", "default": {}},
            "absent": {"type": "list", "elements": "str", "default": []},
            "builds": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": {"type": "str", "required": True, "aliases": ["src"]},
                    "version": {"type": "str"},
                    "bytes": {"type": "int"},
                    "queued": {"type": "bool", "default": False},
                    "platform": {"type": "str", "choices": list(PLATFORMS)},
                    # What else the builds of the roles have.
                    "remote_src": {"type": "bool"},
                    "checksum": {"type": "str"},
                    "force": {"type": "bool"},
                    "state": {"type": "str", "choices": ["present"]},
                },
            },
            "share": {
                "type": "dict",
                "options": {
                    "src": {"type": "str", "required": True},
                    "fstype": {"type": "str", "required": True},
                    "options": {"type": "str", "default": "ro"},
                },
            },
            # Of public keys.
            "keyring": {"type": "str", "no_log": False},
            "queued_as": {"type": "dict", "default": {}},
            "known": {"type": "list", "elements": "str", "default": []},
            "only": {"type": "bool", "default": False},
            "disk_factor": {"type": "float", "default": 3},
            "unpacked_percent": {"type": "float", "default": 99},
        },
    },
    "wait": {"type": "float", "default": 0},
    "settle": {"type": "bool", "default": False},
    "settle_time": {"type": "float", "default": 0},
}

_BUILD_INFO: t.Dict[str, t.Dict[str, t.Any]] = {
    "src": {"type": "path", "required": True},
    "platform": {"type": "str", "choices": list(PLATFORMS)},
    "sha256": {"type": "bool", "default": True},
}

_PUBLISH: t.Dict[str, t.Dict[str, t.Any]] = {
    "root": {"type": "path", "required": True},
    "src": {"type": "path"},
    "remote_src": {"type": "bool", "default": False},
    "channel": {"type": "str", "default": "stable"},
    "platform": {"type": "str", "choices": list(PLATFORMS)},
    "version": {"type": "str"},
    "checksum": {"type": "str"},
    "size": {"type": "int"},
    "allow_executables": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
}


_SETTINGS: t.Dict[str, t.Dict[str, t.Any]] = {
    "path": {"type": "path", "required": True},
    "settings": {"type": "dict", "default": {}},
    "absent": {"type": "list", "elements": "str", "default": []},
    "absent_builds": {"type": "list", "elements": "str", "default": []},
    "create": {"type": "bool", "default": False},
    "backup": {"type": "bool", "default": False},
    "service": {"type": "str"},
    "start_timeout": {"type": "float", "default": 120},
    "stop_timeout": {"type": "float", "default": 120},
    "rescue_after": {"type": "int", "default": 600},
    "revert_after": {"type": "int", "default": 0},
    "busy_wait": {"type": "float", "default": 0},
    "api_from": {"type": "str", "choices": ["controller", "peer"], "default": "controller"},
    **{name: _PEER[name] for name in ("peer", "web_port", "connect_timeout", "data_dir")},
}


def upload_spec() -> t.Dict[str, t.Dict[str, t.Any]]:
    return _copy(_PEER, _UPLOAD)


def peer_info_spec() -> t.Dict[str, t.Dict[str, t.Any]]:
    return _copy(_PEER, _PEER_INFO)


def settings_spec() -> t.Dict[str, t.Dict[str, t.Any]]:
    return _copy(_SETTINGS)


def build_info_spec() -> t.Dict[str, t.Dict[str, t.Any]]:
    return _copy(_BUILD_INFO)


def publish_spec() -> t.Dict[str, t.Dict[str, t.Any]]:
    return _copy(_PUBLISH)


def on_controller(spec: t.Dict[str, t.Dict[str, t.Any]]) -> t.Dict[str, t.Dict[str, t.Any]]:
    """The spec for an action plugin: there, type path would expand a peer's path on the controller."""
    return {
        name: dict(option, type="str" if option["type"] == "path" else option["type"]) for name, option in spec.items()
    }


def _copy(*specs: t.Dict[str, t.Dict[str, t.Any]]) -> t.Dict[str, t.Dict[str, t.Any]]:
    return {name: dict(option) for spec in specs for name, option in spec.items()}
