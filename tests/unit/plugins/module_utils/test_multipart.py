# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The multipart body, read back by a parser that is not ours."""

from __future__ import annotations

import email.parser
import email.policy
import io
import os
import urllib.parse

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import BuildError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._multipart import Multipart, check_file_name

try:
    import multipart
except ImportError:  # Python 3.7 has no version of it.
    multipart = None

SIZES = [0, 1, 8191, 8192, 8193, 1 << 20]
NAMES = [
    "vray-6.20.10-e8197af2.tar",
    "vraystd_adv_71000_rhel8_clang-gcc-11.2",
    "a build (1) & 'more', 100 %.tar",
    'say "hi".tar',
    '"',
    "back\\slash.tar",
    "back\\",
    "Zürich-東京-🎬.tar",
    "line\r\nbreak.tar",
    "\r",
    "\n",
    'x"\r\nContent-Type: text/html\r\n\r\n<script>',
    "tab\there",
    "%22%0D%0A.tar",
    "-leading",
    "name=file",
    "long" * 60,
]


@pytest.fixture
def body_of(tmp_path):
    opened = []

    def make(content=b"content", name="a.tar", queued=False):
        path = tmp_path / "build"
        path.write_bytes(content)
        opened.append(open(str(path), "rb", buffering=0))
        return Multipart(opened[-1], name, queued)

    yield make
    for file in opened:
        file.close()


def whole(body):
    body.file.seek(0)
    return body.head + body.file.read() + body.tail


def sent_name(name):
    """How a name is written: as browsers and curl do."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def with_email(body):
    """Fields by the standard library: (name, file name, content type, content)."""
    head = ("Content-Type: %s\r\n\r\n" % body.content_type).encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + whole(body))
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get("content-type"),
            part.get_payload(decode=True),
        )
        for part in message.iter_parts()
    ]


def with_multipart(body):
    boundary = body.content_type.partition("boundary=")[2]
    fields = []
    for part in multipart.MultipartParser(io.BytesIO(whole(body)), boundary, charset="utf-8", strict=True):
        declared = [value for name, value in part.headerlist if name == "Content-Type"]
        fields.append((part.name, part.filename, declared[0] if declared else None, part.raw))
        part.close()
    return fields


PARSERS = [with_email] + ([with_multipart] if multipart else [])


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("queued", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_the_fields_and_the_length(body_of, parse, size, queued):
    # The email package is made for text, and takes some bytes for the end of a line.
    content = b"x" * size if parse is with_email else (os.urandom(1 << 10) * 1025)[:size]
    body = body_of(content, queued=queued)
    assert body.length == len(whole(body)) == len(body.head) + size + len(body.tail)
    flag, file = parse(body)
    assert flag == ("queued", None, flag[2], b"true" if queued else b"false")
    assert file == ("file", "a.tar", "application/octet-stream", content)


def test_the_bytes_of_a_body_are_these(body_of):
    body = body_of(b"\r\n--", name='a"b.tar', queued=True)
    boundary = body.content_type[len("multipart/form-data; boundary=") :]
    assert whole(body) == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="queued"\r\n\r\ntrue\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a%22b.tar"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
        f"\r\n--\r\n--{boundary}--\r\n"
    ).encode("ascii")


def test_the_content_comes_as_it_is(body_of):
    """Swarm's parser ignores a Content-Transfer-Encoding: a base64 part would be stored as base64 text."""
    body = body_of(bytes(range(256)))
    assert b"transfer-encoding" not in whole(body).lower()
    assert bytes(range(256)) in whole(body)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_arrives_whole_and_injects_nothing(body_of, name):
    body = body_of(name=name)
    # Two parts, with one and two headers, and nothing else, whatever the name is.
    assert body.head.count(b"\r\n\r\n") == 2
    assert body.head.count(b"\r\n") == body.head.count(b"\n") == body.head.count(b"\r") == 8
    disposition = [line for line in body.head.split(b"\r\n") if b'name="file"' in line]
    wanted = b'Content-Disposition: form-data; name="file"; filename="%s"' % sent_name(name).encode("utf-8")
    assert disposition == [wanted]
    assert not {b"\r", b"\n"} & set(disposition[0].split())


@pytest.mark.skipif(multipart is None, reason="multipart 2, which needs Python 3.10, is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_another_parser_reads_the_name(body_of, name):
    _flag, (field, arrived, content_type, content) = with_multipart(body_of(name=name))
    assert (field, content_type, content) == ("file", "application/octet-stream", b"content")
    if name.startswith("%22"):
        # Nothing tells such a name from an escaped one; browsers leave it so, too.
        assert arrived == urllib.parse.unquote(name)
    else:
        assert arrived == name


def test_bytes_that_are_not_utf_8_arrive_as_they_are_on_the_disk(body_of):
    name = os.fsdecode(b"Z\xfcrich-\xff\xfe.tar")
    assert b'; filename="Z\xfcrich-\xff\xfe.tar"\r\n' in body_of(name=name).head


@pytest.mark.parametrize("name", ["b;c.tar", ";", 'a";b'])
def test_a_semicolon_is_refused(body_of, name):
    """The parser that Swarm uses cuts the name there, even inside quotes."""
    with pytest.raises(BuildError, match=r"semicolon.*original name"):
        body_of(name=name)
    with pytest.raises(BuildError, match="semicolon"):
        check_file_name(name)


def test_no_name_is_refused():
    with pytest.raises(BuildError, match="needs a file name"):
        check_file_name("")


def test_no_two_boundaries_are_the_same(body_of):
    """128 random bits each: nobody can put the boundary of the next upload into a build."""
    boundaries = {body_of().content_type for _number in range(50)}
    assert len(boundaries) == 50
    assert all(len(boundary.partition("boundary=vray-swarm-")[2]) == 32 for boundary in boundaries)


def test_making_a_body_reads_nothing_of_the_file(tmp_path):
    path = tmp_path / "build"
    with open(str(path), "wb") as file:
        file.truncate(1 << 40)
    with open(str(path), "rb", buffering=0) as file:
        body = Multipart(file, "a.tar", False)
        assert body.size == 1 << 40
        assert body.length == len(body.head) + (1 << 40) + len(body.tail)
        assert file.tell() == 0
