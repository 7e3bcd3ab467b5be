# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The module upload: the host of the task sends a build that lies on its own disk."""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import sha256
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import (
    BuildError,
    MissingRequestsError,
    OptionsError,
    SwarmError,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import Look, look_at
from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload import Hooks, Host, Upload
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import printable

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class _LocalHost(Host):
    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self._options = options

    def look(self) -> Look:
        options = self._options
        return Look(look_at(options["data_dir"], options["config"], peer=options["peer"]))

    def sha256(self, path: str) -> t.Optional[str]:
        try:
            return sha256(path)
        except BuildError:
            return None

    def make_directory(self, path: str) -> None:
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            # A link to one is none: whoever put it there decides where it leads.
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise

    def remove_directory(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(path)


def run(module: AnsibleModule) -> t.NoReturn:
    options = dict(module.params)
    options["peer"] = options["peer"] or "localhost"
    upload = Upload(
        options,
        _LocalHost(options),
        Hooks(warn=lambda text: module.warn(printable(text))),
    )
    try:
        if not os.path.isabs(options["src"]):
            raise OptionsError(f"src is {options['src']}; with remote_src it has to be an absolute path.")
        upload.run(module.check_mode)
    except MissingRequestsError as error:
        module.fail_json(**dict(upload.report.as_dict(), msg=missing_required_lib("requests"), exception=str(error)))
    except SwarmError as error:
        module.fail_json(**dict(upload.report.as_dict(), msg=str(error)))
    module.exit_json(**upload.report.as_dict())
