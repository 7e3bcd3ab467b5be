# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any file under any name, read back by parsers that are not ours and know nothing of each other."""

from __future__ import annotations

import email
import email.policy
import io
import tempfile

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from properties import examples
from werkzeug.formparser import MultiPartParser

from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import Multipart

try:
    import multipart
except ImportError:  # Python 3.7 has no version of it.
    multipart = None

# Pieces of what could be taken for a part of the form.
PIECES = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"--", b"\r\n--", b"\r\n\r\n", b"\0", b"\xff", b"vray-swarm-", b'name="file"', b"x" * 70]
)
CONTENTS = st.one_of(
    st.binary(max_size=300),
    st.lists(st.one_of(PIECES, st.binary(max_size=5)), max_size=20).map(b"".join),
    # Around the blocks in which the parsers read.
    st.tuples(st.sampled_from([8192, 65536]), st.integers(-70, 70), PIECES).map(lambda c: b"a" * (c[0] + c[1]) + c[2]),
)
# What a name of a file can hold, without the semicolon, which is refused, and "%", with which a parser cannot tell an
# escaped name from one that looks like one.
NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters=";%\0/"), min_size=1, max_size=40)


def whole(body):
    body.file.seek(0)
    return body.head + body.file.read() + body.tail


def boundary_of(body):
    return body.content_type.partition("boundary=")[2]


def with_multipart(body, data):
    fields = []
    for part in multipart.MultipartParser(io.BytesIO(data), boundary_of(body), charset="utf-8", strict=True):
        fields.append((part.name, part.filename, part.raw))
        part.close()
    return fields


def with_werkzeug(body, data):
    # Its forms and its files come apart, so that the order is not seen.
    form, files = MultiPartParser().parse(io.BytesIO(data), boundary_of(body).encode("ascii"), len(data))
    flags = [(name, None, value.encode("utf-8")) for name, value in form.items(multi=True)]
    return flags + [(name, file.filename, file.stream.read()) for name, file in files.items(multi=True)]


def with_email(body, data):
    head = ("Content-Type: %s\r\n\r\n" % body.content_type).encode("ascii")
    message = email.message_from_bytes(head + data, policy=email.policy.HTTP)
    # The bytes between the blank line and the boundary, which it does not touch.
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part._payload.encode("ascii", "surrogateescape"),
        )
        for part in message.iter_parts()
    ]


PARSERS = [with_werkzeug, with_email] + ([with_multipart] if multipart else [])


@pytest.mark.parametrize("parse", PARSERS)
@examples(150)
@given(content=CONTENTS, queued=st.booleans())
@example(content=b"", queued=False)
@example(content=b"\r\n", queued=True)
def test_any_content_arrives(parse, content, queued):
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        body = Multipart(file, "a.tar", queued)
        data = whole(body)
        assert len(data) == body.length
        flag = b"true" if queued else b"false"
        assert parse(body, data) == [("queued", None, flag), ("file", "a.tar", content)]


@pytest.mark.parametrize("parse", [parse for parse in PARSERS if parse is not with_email])
@examples(200)
@given(name=NAMES)
@example(name='"')
@example(name='a" name="queued')
@example(name="\r\n\r\nx")
@example(name="Zürich.tar")
def test_any_name_arrives(parse, name):
    # Werkzeug takes a backslash for the begin of an escape, which browsers and Swarm do not; multipart takes what begins
    # like a path of Windows for one, of which it wants the last part.
    assume(parse is not with_werkzeug or "\\" not in name)
    assume(parse is not with_multipart or not (name[:2] == "\\\\" or name[1:3] == ":\\"))
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"content")
        body = Multipart(file, name, False)
        ((field, no_name, flag), (part, arrived, content)) = parse(body, whole(body))
        assert (field, no_name, flag, part, content) == ("queued", None, b"false", "file", b"content")
        assert unescaped(arrived) == unescaped(name)


def unescaped(name):
    """Parsers differ in whether a quote comes as it is or as browsers write it."""
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
