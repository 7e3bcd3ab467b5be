# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of files that hide themselves, but for the time that no user can set."""

from __future__ import annotations

import os


def next_tick(path):
    """Return when a change of a file gets another time than it has: two can fall into one tick of its file system."""
    before, other = os.stat(path).st_ctime_ns, "%s.tick" % path
    with open(other, "wb"):
        pass
    while os.stat(other).st_ctime_ns <= before:
        os.utime(other)
    os.unlink(other)


def overwrite(path, content):
    """Write into a file, and set its time back."""
    next_tick(path)
    status = os.stat(path)
    with open(path, "r+b") as file:
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(path, content):
    """Put a file of the same time into the place of another."""
    next_tick(path)
    status = os.stat(path)
    with open("%s.new" % path, "wb") as file:
        file.write(content)
    os.utime("%s.new" % path, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.rename("%s.new" % path, path)
