# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sink where there is no C compiler: sink.py ADDRESS PORT. See native/sink.c, which does the same."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading

VERSION = {"_revHash": "e8197af2", "_ver": {"_major": 6, "_minor": 20, "_release": 10}}
EXISTING = {"message": "V-Ray version already exists", "tmpFile": "/tmp/sink.buf", "uploadedVrayVersion": VERSION}
STEP = 8 << 20
DISCARD = socket.MSG_TRUNC if sys.platform.startswith("linux") else 0


def serve(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray(STEP)
    with connection:
        while True:
            known = b""
            while b"\r\n\r\n" not in known:
                data = connection.recv(65536)
                if not data:
                    return
                known += data
            head, _end, rest = known.partition(b"\r\n\r\n")
            found = re.search(rb"(?i)\r\nContent-Length: *(\d+)", head)
            left = (int(found.group(1)) if found else 0) - len(rest)
            if re.search(rb"(?i)\r\nExpect:", head):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            while left > 0:
                count = connection.recv_into(buffer, min(left, STEP), DISCARD)
                if not count:
                    return
                left -= count
            body = json.dumps({"ExistingUR": EXISTING} if head.startswith(b"POST ") else False).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def main() -> None:
    with socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=512) as listener:
        print("listening", flush=True)
        while True:
            connection, _client = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()


main()
