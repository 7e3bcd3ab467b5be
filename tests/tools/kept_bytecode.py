# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps what Python compiles of zip files: envs.py puts it into environments, where each Python imports it at its start.

Ansible sends a module and what it imports as a zip file, whose sources are compiled anew for each task. The same
sources of other zip files are found in the environment then, under their hash.
"""

from __future__ import annotations

import marshal
import os
import sys
import zipimport

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself would take longer than all of this
    import types
    import typing as t

FOLDER = os.path.join(sys.prefix, "kept-bytecode")


def keep(compile_source: t.Callable[[str, bytes], types.CodeType]) -> t.Callable[[str, bytes], types.CodeType]:
    def kept(path: str, source: bytes) -> types.CodeType:
        # Not before they are needed: most Pythons read no zip file.
        import _imp
        import hashlib

        name = os.path.join(FOLDER, hashlib.sha256(source).hexdigest())
        try:
            with open(name, "rb") as stream:
                code: types.CodeType = marshal.loads(stream.read())
        except (OSError, EOFError, ValueError, TypeError):
            code = compile_source(path, source)
            _write(name, marshal.dumps(code))
        else:
            # What tracebacks name.
            _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]
        return code

    return kept


def _write(name: str, data: bytes) -> None:
    """Another process may be reading it. A user who may not write here does without."""
    new = "%s.%d" % (name, os.getpid())
    try:
        with open(new, "wb") as stream:
            stream.write(data)
        os.replace(new, name)
    except OSError:
        pass


# Written in Python since 3.8. Whatever it may be called some day, it is only about speed.
if hasattr(zipimport, "_compile_source"):
    zipimport._compile_source = keep(zipimport._compile_source)
