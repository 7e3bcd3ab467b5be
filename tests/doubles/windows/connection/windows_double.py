# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A connection to a Windows host that is none: see the README beside."""

from __future__ import annotations

import base64
import json
import socket
import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: windows_double
short_description: Hand modules to a double of a Windows host
description: Hands each module that Ansible sends, and its arguments, to a double of a Windows host in another process.
author: RenderOps contributors (@renderops)
options:
  host:
    description: The name of the host.
    vars:
      - name: inventory_hostname
      - name: windows_double_host
  socket:
    description: Where the double listens.
    vars:
      - name: windows_double_socket
"""


class Connection(ConnectionBase):
    """As ansible.builtin.winrm: PowerShell, no files for modules, the payload on the standard input."""

    transport = "windows_double"
    module_implementation_preferences = (".ps1", ".exe", "")
    allow_executable = False
    has_pipelining = True

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        self.always_pipeline_modules = True
        self.has_native_async = True
        self._shell_type = "powershell"
        super().__init__(*args, **kwargs)

    def _connect(self) -> Connection:
        return self

    def exec_command(self, cmd: str, in_data: t.Any = None, sudoable: bool = True) -> t.Tuple[int, bytes, bytes]:
        if not in_data:
            # A command of the shell, such as one that makes a temporary directory.
            return self._call({"command": _decoded(cmd)})
        return self._call(payload(in_data))

    def put_file(self, in_path: str, out_path: str) -> None:
        with open(in_path, "rb") as file:
            self._call({"put": out_path, "content": base64.b64encode(file.read()).decode("ascii")})

    def fetch_file(self, in_path: str, out_path: str) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass

    def _call(self, request: t.Dict[str, t.Any]) -> t.Tuple[int, bytes, bytes]:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self.get_option("socket"))
            sock.sendall(json.dumps(dict(request, host=self.get_option("host"))).encode() + b"\n")
            with sock.makefile("rb") as stream:
                text = stream.read()
        if not text:
            # As the connection plugin winrm of ansible-core says it.
            raise AnsibleConnectionFailure("winrm connection error: the connection was aborted")
        answer = json.loads(text)
        return answer["rc"], answer["stdout"].encode(), answer["stderr"].encode()


def payload(data: t.Union[str, bytes]) -> t.Dict[str, t.Any]:
    """What ansible-core's wrapper would unpack on the host: the module, its arguments, whom to become."""
    content = data if isinstance(data, bytes) else data.encode()
    manifest = json.loads(content.rpartition(b"\0\0\0\0")[2])
    if "module_args" in manifest:  # ansible-core up to 2.18
        arguments, become = manifest["module_args"], manifest.get("become_user")
        has_password = bool(manifest.get("become_password"))
        source = manifest["module_entry"]
    else:
        actions = {action["name"]: action for action in manifest["actions"]}
        wrapper = actions["module_wrapper.ps1"]["params"]
        variables = {variable["Name"]: variable["Value"] for variable in wrapper["Variables"]}
        arguments, source = variables["complex_args"], manifest["scripts"][wrapper["Script"]]["script"]
        becoming = actions.get("become_wrapper.ps1", {"params": {}, "secure_params": {}})
        become, has_password = becoming["params"].get("BecomeUser"), "BecomePassword" in becoming["secure_params"]
    options = {name: value for name, value in arguments.items() if not name.startswith("_ansible_")}
    return {
        "module": arguments["_ansible_module_name"],
        "source": source,
        "options": options,
        "check_mode": bool(arguments["_ansible_check_mode"]),
        "no_log": bool(arguments["_ansible_no_log"]),
        "become": become,
        "become_password": has_password,
    }


def _decoded(command: str) -> str:
    encoded = command.rpartition("-EncodedCommand ")[2].split(" ")[0].strip("'")
    try:
        return base64.b64decode(encoded).decode("utf-16-le")
    except ValueError:
        return command
