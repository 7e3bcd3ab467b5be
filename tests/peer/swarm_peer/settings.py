# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of swarm.yaml that matter to the page's two endpoints."""

from __future__ import annotations

import dataclasses
import os
import typing as t

import yaml


class SettingsError(Exception):
    """swarm.yaml cannot be used; the text is one line."""


@dataclasses.dataclass
class Settings:
    """Names and defaults are those of the page; an import directory of None is the default one."""

    web_port: int = 1113
    import_dir: t.Optional[str] = None
    allow_executables: bool = False
    uploads_queue_period: float = 10.0


def load(path: t.Optional[str]) -> Settings:
    """Read swarm.yaml; a file that is not there means defaults."""
    if not path:
        return Settings()
    try:
        with open(path, encoding="utf-8") as stream:
            data = yaml.safe_load(stream)
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("%s: cannot be read: %s" % (path, error)) from error
    except yaml.YAMLError as error:
        raise SettingsError("%s: not valid YAML: %s" % (path, " ".join(str(error).split()))) from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise SettingsError("%s: a mapping is expected, not %s" % (path, type(data).__name__))
    settings = Settings()
    port = data.get("webPort")
    if port is not None:
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise SettingsError("%s: webPort: a port number is expected, not %r" % (path, port))
        settings.web_port = port
    import_dir = data.get("vrayImportDir")
    if import_dir is not None:
        if not isinstance(import_dir, str) or not import_dir:
            raise SettingsError("%s: vrayImportDir: a path is expected, not %r" % (path, import_dir))
        settings.import_dir = os.path.abspath(import_dir)
    allow = data.get("allowExecutables")
    if allow is not None:
        if not isinstance(allow, bool):
            raise SettingsError("%s: allowExecutables: true or false is expected, not %r" % (path, allow))
        settings.allow_executables = allow
    period = data.get("uploadsQueuePeriod")
    if period is not None:
        if isinstance(period, bool) or not isinstance(period, (int, float)) or not 0 < period < 1e9:
            raise SettingsError("%s: uploadsQueuePeriod: seconds are expected, not %r" % (path, period))
        settings.uploads_queue_period = float(period)
    return settings
