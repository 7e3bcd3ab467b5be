# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is a private utility of the renderops.vray_swarm collection: it can change without notice.

"""The multipart body of an upload: what goes before the file, the file, what goes after it."""

from __future__ import annotations

import io
import os
import typing as t

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError

# The three characters that would end a quoted file name or a header line; written as browsers and curl write them
# (WHATWG HTML, "multipart/form-data encoding algorithm").
_ESCAPES = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


def check_file_name(name: str) -> None:
    """Refuse a file name that would not arrive whole.

    :raises BuildError: The parser that Swarm uses cuts a file name at a semicolon, even inside quotes (measured).
    """
    if not name:
        raise BuildError("A build needs a file name, and this path has none: name a file, not a directory.")
    if ";" in name:
        raise BuildError(
            f"The file name {name!r} holds a semicolon. Swarm's parser cuts the name there, and the build would be"
            " stored under a wrong name: get the build under its original name."
        )


class Multipart:
    """A ``multipart/form-data`` body with the fields ``queued`` and ``file``, in this order, as the vendor documents.

    The file is not read here: :attr:`head`, the :attr:`size` bytes of :attr:`file` and :attr:`tail` are the body.
    No part has a Content-Transfer-Encoding, since Swarm's parser ignores it.
    """

    def __init__(
        self, file: io.FileIO, name: str, queued: bool, check: t.Optional[t.Callable[[], None]] = None
    ) -> None:
        """
        :param file: A real file, opened for reading without a buffer.
        :param name: The build's original file name.
        :param queued: Whether Swarm imports the build later instead of at once.
        :param check: Called when the file was sent, before the end of the body is; it raises where that must not follow.
        """
        check_file_name(name)
        self.file = file
        self.check = check
        self.size = os.fstat(file.fileno()).st_size
        # 128 random bits: no build holds them by accident, so the file need not be searched for the boundary.
        boundary = f"vray-swarm-{os.urandom(16).hex()}"
        self.content_type = f"multipart/form-data; boundary={boundary}"
        # surrogateescape: the bytes of a name that is not valid UTF-8 arrive as they are on the disk.
        file_name = name.translate(_ESCAPES).encode("utf-8", "surrogateescape")
        self.head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="queued"\r\n\r\n'
            f"{'true' if queued else 'false'}\r\n"
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="'
        ).encode("ascii") + (file_name + b'"\r\nContent-Type: application/octet-stream\r\n\r\n')
        self.tail = f"\r\n--{boundary}--\r\n".encode("ascii")

    @property
    def length(self) -> int:
        """The Content-Length, in bytes."""
        return len(self.head) + self.size + len(self.tail)
