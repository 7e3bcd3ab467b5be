# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""What is computed once per run of ``ansible-playbook``, for all hosts together.

Every task of every host is a process of its own, so nothing can be kept in memory. The forks of a run share its
temporary directory, though, which is removed at the end.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import typing as t

from ansible import constants as C

from ansible_collections.renderops.vray_swarm.plugins.module_utils._build import OpenBuild, sha256

_END = "."


def run_name() -> str:
    """Return a name that no other run has, the same one in all forks of this run."""
    return hashlib.sha256(os.fsencode(C.DEFAULT_LOCAL_TMP)).hexdigest()[:16]


def sha256_once(build: OpenBuild) -> str:
    """Return the SHA-256 of a build, computed by whoever asks first; all others who have the same file wait for that.

    :raises BuildError: The file cannot be read.
    """
    return once(build.identity, lambda: sha256(build))


def once(identity: t.Sequence[t.Any], compute: t.Callable[[], str]) -> str:
    """Return a text, computed by whoever asks first; all others wait for that.

    :param identity: What the text depends on.
    """
    with _locked(identity) as file:
        known = file.read()
        # Half of it is what a fork left that was killed, or that found the disk full.
        if not _is_whole(known):
            text = compute()
            known = f"{len(text)}:{text}{_END}"
            file.truncate(0)
            file.write(known)
            file.flush()
        return _text(known)


def computed_before(identity: t.Sequence[t.Any]) -> t.Optional[str]:
    """Return the text where somebody has computed it earlier in this run, None where nobody has."""
    with _locked(identity) as file:
        known = file.read()
        return _text(known) if _is_whole(known) else None


@contextlib.contextmanager
def _locked(identity: t.Sequence[t.Any]) -> t.Iterator[t.TextIO]:
    """The file that has the text: nobody else reads or writes it meanwhile."""
    name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
    path = os.path.join(C.DEFAULT_LOCAL_TMP, f"vray_swarm-{name}")
    with open(path, "a+", encoding="utf-8", errors="replace", newline="") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file


def _is_whole(known: str) -> bool:
    length, _colon, text = known.partition(":")
    return length.isdecimal() and text.endswith(_END) and len(text) == int(length) + len(_END)


def _text(known: str) -> str:
    return known.partition(":")[2][: -len(_END)]
