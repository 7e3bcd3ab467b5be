# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A peer that means harm: what it answers, and what lies on its disk, is templated by nobody and obeyed by no terminal."""

from __future__ import annotations

import html.parser
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree
from pathlib import Path

TEXT = "{{ 1 + 1 }}{% for n in ['obe', 'yed'] %}{{ n }}{% endfor %}{{ lookup('pipe', 'touch WITNESS') }}<script>'\""
NASTY = "\x1b[31m\x07\r\x9b\u202e\u2066\u200f\u2028\u2029"
SHOWN = r"\x1b[31m\x07\r\x9b\u202e\u2066\u200f\u2028\u2029"
# In what is returned, line breaks are as they were: Ansible's JSON escapes them, and XML may hold them.
RETURNED = SHOWN.replace(r"\r", "\r")
# No number: ids of processes and times are full of these.
EVALUATED = "obeyed"
VERSION = {"_revHash": "e8197af2", "_ver": {"_major": 6, "_minor": 20, "_release": 10}}
SIZE = 2000


class Hostile(http.server.BaseHTTPRequestHandler):
    text = ""

    def do_GET(self) -> None:
        self._answer(b"false")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        name = re.search(rb'filename="(\w+)\.tar"', body)
        assert name
        self._answer(self._body(name.group(1).decode("ascii")))

    def _body(self, name: str) -> bytes:
        text = self.text
        if name == "html":
            return f"<html>{text}</html>".encode()
        sent = {"uploadedFileSize": SIZE, "tmpFile": text}
        return json.dumps(
            {
                "rapid": {
                    "RapidUR": dict(
                        sent, deployedInDirectory=f"../../{text}", takenSeconds=1, uploadedVrayVersion=VERSION
                    )
                },
                "queued": {"QueuedUR": dict(sent, queuedAs=f"../../{text}")},
                "existing": {"ExistingUR": {"message": text, "tmpFile": text, "uploadedVrayVersion": VERSION}},
                "failed": {"FailUR": {"message": text, "tmpFile": text}},
                "unknown": {text: {}},
                "version": {
                    "ExistingUR": {
                        "message": text,
                        "tmpFile": text,
                        "uploadedVrayVersion": dict(VERSION, _revHash=f"../{text}"),
                    }
                },
                "type": {"FailUR": {"message": [text], "tmpFile": text}},
            }[name]
        ).encode()

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


def check(condition: object, what: object) -> None:
    if not condition:
        raise SystemExit(f"{what!r}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work, kept = Path(folder).resolve(), Path(folder).resolve() / "kept.json"
        witness = work / "witness"
        # A name has no slash and no NUL in it.
        Hostile.text = TEXT.replace("WITNESS", str(witness)) + "\0" + NASTY
        name = TEXT.replace("WITNESS", "witness") + NASTY
        for build in ("rapid", "queued", "existing", "failed", "unknown", "version", "type", "html"):
            (work / f"{build}.tar").write_bytes(b"vray.json".ljust(257, b"\0") + b"ustar\x0000" + bytes(SIZE - 265))
        imports = work / "data" / "VRay" / "import"
        imports.mkdir(parents=True)
        # No file at all, so that it is told also where Swarm may have things of its own.
        os.mkfifo(imports / name)
        deployed = work / "data" / "VRay" / "vray-6.20.10-e8197af2" / name
        deployed.mkdir(parents=True)
        executable = deployed / "vray"
        shutil.copy(str(shutil.which("sleep")), executable)
        server = http.server.ThreadingHTTPServer(("127.0.1.99", 0), Hostile)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        render = subprocess.Popen([str(executable), "600"])
        try:
            run(work, kept, server.server_address[1], name)
        finally:
            render.kill()
            render.wait()
            server.shutdown()
        check(not witness.exists() and not list(Path.cwd().glob("witness")), "a template was evaluated")


def run(work: Path, kept: Path, port: int, name: str) -> None:
    (work / "inventory.ini").write_text(
        "peer1 ansible_host=127.0.1.99 ansible_connection=local"
        " ansible_python_interpreter={{ansible_playbook_python}}\n"
    )
    variables = json.dumps({"work": str(work), "kept": str(kept), "peer_port": port})
    done = subprocess.run(
        ["ansible-playbook", "-i", str(work / "inventory.ini"), sys.argv[1], "-v", "-e", variables],
        capture_output=True,
        check=False,
        env=dict(
            os.environ,
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_STDOUT_CALLBACK="default",
            ANSIBLE_CALLBACKS_ENABLED="ansible.builtin.junit",
            JUNIT_OUTPUT_DIR=str(work / "reports"),
            JUNIT_FAIL_ON_IGNORE="true",
        ),
    )
    output = (done.stdout + done.stderr).decode("utf-8")
    print(output.encode("ascii", "backslashreplace").decode("ascii"))
    check(done.returncode == 2 and kept.exists(), "the last task is to fail, and no other one")
    check(EVALUATED not in output, "a template was evaluated")
    # At -v all results are among them, as JSON.
    for line in output.split("\n"):
        check(line.isprintable(), line)
    check_report(work / "reports")
    check_page((work / "page.html").read_text(encoding="utf-8"))

    written = kept.read_text(encoding="utf-8")
    # Of what JSON escapes, there are line breaks.
    escaped = written.replace(r"\\", "")
    check(r"\r" in escaped and r"\u00" not in escaped and r"\u202" not in escaped, escaped)
    results = json.loads(written)
    told = {result["item"]: result for result in results["uploads"]}
    for item, result in told.items():
        check(result["msg"].isprintable(), (item, result["msg"]))
        check("{{ 1 + 1 }}{% for" in result["msg"], (item, result["msg"]))
    check([told[item]["outcome"] for item in ("rapid", "queued", "existing")] == ["rapid", "queued", "existing"], told)
    check(all(told[item]["failed"] for item in ("failed", "unknown", "version", "type", "html")), told)
    # What it answered is told as it was received, but for what Ansible would print as it is.
    text = Hostile.text.replace(NASTY, RETURNED).replace("\0", r"\x00")
    check(told["failed"]["message"] == text, told["failed"]["message"])
    check(told["failed"]["answer"] == {"FailUR": {"message": text, "tmpFile": text}}, told["failed"])
    check(told["unknown"]["answer"] == {text: {}}, told["unknown"])
    check(told["rapid"]["deployed_in_directory"] == f"../../{text}", told["rapid"])
    check(SHOWN in told["rapid"]["msg"] and SHOWN in told["queued"]["msg"], told)

    look, name = results["look"], name.replace(NASTY, RETURNED)
    check([item["name"] for item in look["imports"]] == [name], look["imports"])
    check([name in process["executable"] for process in look["busy"]] == [True], look["busy"])
    check(len(results["found"]) == 1 and SHOWN in results["found"][0], results["found"])
    check(results["found"][0].isprintable() and "{{ 1 + 1 }}" in results["found"][0], results["found"])
    check(output.count("{{ 1 + 1 }}") > 10, output)


def check_report(folder: Path) -> None:
    """Ansible's own report of a run, which it writes of all results, is whole and harmless as well."""
    (report,) = folder.iterdir()
    text = report.read_text(encoding="utf-8")
    check(EVALUATED not in text, "a template was evaluated")
    suites = xml.etree.ElementTree.fromstring(text)
    check(suites.find(".//script") is None, text)
    # Not each ansible-core calls the same one a failure and an error.
    messages = [found.get("message", "") for kind in ("failure", "error") for found in suites.iter(kind)]
    check(sum("<script>" in message and SHOWN in message for message in messages) == 2, messages)
    # As it is written, and as whoever reads it gets it: XML could hold them as numbers.
    for line in "\n".join([text, *suites.itertext(), *messages]).replace("\t", " ").split("\n"):
        check(line.isprintable(), line)


class Page(html.parser.HTMLParser):
    """What a browser makes of a page: its elements, and each text and each value of an attribute in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.texts = [text]
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes.update(name for name, _value in attrs)
        self.texts += [value or "" for _name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def check_page(text: str) -> None:
    """A report in HTML that an operator makes of the results has the operator's elements, and nothing to obey."""
    check(EVALUATED not in text, "a template was evaluated")
    page = Page(text)
    check(page.elements == {"html", "head", "meta", "title", "body", "table", "tr", "td", "pre"}, page.elements)
    check(page.attributes == {"lang", "charset", "title"}, page.attributes)
    # Line breaks stay as they were: to a page they are white space.
    for line in "".join(page.texts).replace("\r", "\n").split("\n"):
        check(line.isprintable(), line)
    told = [text for text in page.texts[1:] if "<script>" in text and r"\x1b[31m\x07" in text]
    check(len(told) > 10, page.texts)


if __name__ == "__main__":
    main()
