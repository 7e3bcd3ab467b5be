# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the bytes of a multipart body to the two fields of the page; the file goes to disk as it arrives."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import os
import typing as t

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header  # type: ignore[import-untyped]

BLOCK = 1024 * 1024
FIELD_LIMIT = 64 * 1024

_ZEROS = bytes(BLOCK)
_numbers = itertools.count(1)


class FormError(Exception):
    """The body is not the form that the page describes."""


class Spool:
    """The temporary file of one upload, named as on the page. Nothing is created before there are bytes for it."""

    def __init__(self, directory: str) -> None:
        self.path = os.path.join(directory, "servant-multipart%d-%d.buf" % (os.getpid(), next(_numbers)))
        self.size = 0
        self._digest = hashlib.sha256()
        self._file: t.Optional[t.BinaryIO] = None

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def open(self) -> None:
        self._file = open(self.path, "xb", buffering=0)

    def write(self, data: bytes) -> None:
        assert self._file is not None
        self._digest.update(data)
        self.size += len(data)
        if _ZEROS.startswith(data):
            # A hole is the same content; the builds that tests make are mostly that.
            self._file.seek(len(data), os.SEEK_CUR)
            return
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def close(self) -> None:
        if self._file is not None:
            self._file.truncate(self.size)
            self._file.close()
            self._file = None

    def discard(self) -> None:
        """Remove the file, unless it was moved to where it belongs."""
        self.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


@dataclasses.dataclass
class Form:
    fields: t.List[str] = dataclasses.field(default_factory=list)
    queued: t.Optional[bytes] = None
    file_name: t.Optional[str] = None


def read_form(content_type: str, read: t.Callable[[int], bytes], spool: Spool, form: Form) -> None:
    """Read the whole body. ``form`` is filled on the way, so that it tells how far a broken body came."""
    media_type, options = parse_options_header(content_type)
    if media_type != "multipart/form-data" or not options.get("boundary"):
        raise FormError("multipart/form-data with a boundary is expected, not %.100r" % content_type)
    try:
        # latin-1 keeps every byte of a header; PushMultipartParser never looks at Content-Transfer-Encoding.
        parser = PushMultipartParser(options["boundary"], header_charset="latin-1", max_header_size=16 * 1024)
        consume = _Consumer(spool, form)
        for chunk in iter(lambda: read(BLOCK), b""):
            for event in parser.parse(chunk):
                consume(event)
        parser.close()
    except MultipartError as error:
        raise FormError("the multipart body is malformed: %s" % error) from error
    finally:
        spool.close()


class _Consumer:
    def __init__(self, spool: Spool, form: Form) -> None:
        self._spool = spool
        self._form = form
        self._into: t.Optional[t.Callable[[bytes], None]] = None

    def __call__(self, event: t.Union[MultipartSegment, bytes, None]) -> None:
        if isinstance(event, MultipartSegment):
            self._begin(disposition_parameters(event))
        elif event is None:
            self._into = None
        elif self._into is not None:
            self._into(event)

    def _begin(self, parameters: t.Dict[str, str]) -> None:
        name, form = parameters.get("name", ""), self._form
        form.fields.append(name)
        # A part with a file name is a file and any other part is an input: so wai-extra tells them apart.
        if "filename" in parameters:
            if name == "file" and form.file_name is None:
                form.file_name = parameters["filename"]
                self._spool.open()
                self._into = self._spool.write
        elif name == "queued" and form.queued is None:
            form.queued = b""
            self._into = self._add_queued

    def _add_queued(self, data: bytes) -> None:
        self._form.queued = (self._form.queued or b"") + data
        if len(self._form.queued) > FIELD_LIMIT:
            raise FormError("the field queued is too long")


def disposition_parameters(segment: MultipartSegment) -> t.Dict[str, str]:
    """Content-Disposition as wai-extra reads it: cut at every semicolon, quoted or not, then unquoted."""
    header = next((value for key, value in segment.headerlist if key == "Content-Disposition"), "")
    parameters: t.Dict[str, str] = {}
    for piece in header.split(";"):
        key, _equals, value = piece.partition("=")
        value = value.lstrip(" ")
        if len(value) > 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        parameters.setdefault(key.lstrip(" "), os.fsdecode(value.encode("latin-1")))
    if "filename" in parameters:
        parameters["filename"] = _unescape(parameters["filename"])
    return parameters


def _unescape(name: str) -> str:
    # Not on the page: see the README's table.
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
