# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands in for mount.cifs in the lab, since the kernel may have no cifs: the mount is rclone's, the SMB is real.

It takes the arguments and options that mount.cifs takes, reads the credentials file, and fails as mount.cifs does
when the server refuses. findmnt tells the difference: the type is fuse.rclone.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

# Those that mount.cifs and its kernel side know. What is in neither list is refused, as a kernel would.
VALUES = {"credentials", "cred", "username", "user", "password", "pass", "domain", "dom", "uid", "gid", "file_mode"}
VALUES |= {"dir_mode", "vers", "iocharset", "sec", "port", "ip", "cache", "actimeo", "rsize", "wsize", "echo_interval"}
FLAGS = {"ro", "rw", "soft", "hard", "seal", "guest", "nounix", "serverino", "noserverino", "noperm", "forceuid"}
FLAGS |= {"forcegid", "mfsymlinks", "nobrl", "defaults", "auto", "noauto", "nofail", "_netdev", "exec", "noexec"}
FLAGS |= {"suid", "nosuid", "dev", "nodev", "relatime", "noatime", "nodiratime", "users", "nousers", "nouser"}


def fail(number: int, text: str) -> None:
    print("mount error(%d): %s" % (number, text), file=sys.stderr)
    print("Refer to the mount.cifs(8) manual page (e.g. man mount.cifs)", file=sys.stderr)
    sys.exit(32)


def read_options(text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for option in filter(None, text.split(",")):
        name, has_value, value = option.partition("=")
        if name.startswith("x-") or name == "comment":
            continue
        if name not in (VALUES if has_value else FLAGS):
            fail(22, "Invalid argument (%s)" % name)
        options[name] = value
    return options


def read_credentials(path: str) -> dict[str, str]:
    """Lines of name=value. The password is all that follows the equals sign."""
    found: dict[str, str] = {}
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                name, equals, value = line.rstrip("\n").partition("=")
                if equals:
                    found[name.strip()] = value
    except OSError as error:
        print("error %d (%s) opening credential file %s" % (error.errno or 0, error.strerror, path), file=sys.stderr)
        sys.exit(2)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="mount.cifs")
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("-o", dest="options", action="append", default=[])
    for flag in "fnrsvw":
        parser.add_argument("-" + flag, action="store_true")
    args = parser.parse_args()
    unc = re.match(r"(?://|\\\\)([^/\\]+)[/\\]([^/\\]+)[/\\]?(.*)$", args.source)
    if not unc:
        print("Mounting the DFS root for a particular UNC name is not supported: %s" % args.source, file=sys.stderr)
        return 1
    host, share, folder = unc.groups()
    options = read_options(",".join(args.options))
    given = options
    path = options.get("credentials") or options.get("cred")
    if path:
        given = {**options, **read_credentials(path)}
    secret = given.get("password") or given.get("pass") or ""
    # Nothing of it in the process list: rclone reads its settings from its environment, too.
    hidden = subprocess.run(["rclone", "obscure", "-"], input=secret, capture_output=True, text=True, check=True).stdout
    environ = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_SMB_HOST": options.get("ip") or host,
        "RCLONE_SMB_PORT": options.get("port") or "445",
        "RCLONE_SMB_USER": given.get("username") or given.get("user") or "root",
        "RCLONE_SMB_PASS": hidden.strip(),
        "RCLONE_SMB_DOMAIN": given.get("domain") or given.get("dom") or "WORKGROUP",
    }
    remote = ":smb:%s/%s" % (share, folder.replace("\\", "/"))
    limits = ["--contimeout=5s", "--retries=1", "--low-level-retries=1"]
    look = subprocess.run(
        ["rclone", "lsf", "--max-depth=1", "--timeout=10s", *limits, remote],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if look.returncode != 0:
        said = look.stderr
        if re.search("logon|LOGON|ACCESS_DENIED|access denied|permission denied|password", said):
            fail(13, "Permission denied")
        if re.search("BAD_NETWORK_NAME|not found|bad network name|does ?n.t exist|cannot find", said, re.IGNORECASE):
            fail(2, "No such file or directory")
        if re.search("timeout|refused|no route|unreachable", said, re.IGNORECASE):
            fail(113, "could not connect to %s: No route to host" % host)
        fail(5, "Input/output error: %s" % said.strip().splitlines()[-1:])
    mount = ["rclone", "mount", remote, args.target, "--daemon", "--allow-other", "--dir-cache-time=1s", *limits]
    # No --timeout here: it would break a connection that is idle for so long, and with it what reads next.
    mount += ["--attr-timeout=1s", "--umask=0", "--devname=%s" % args.source]
    if "ro" in options or args.r:
        mount.append("--read-only")
    for option, name in (("uid", "--uid"), ("gid", "--gid")):
        if option in options:
            value = options[option]
            number = value if value.isdigit() else subprocess.check_output(["id", "-" + option[0], value], text=True)
            mount.append("%s=%s" % (name, number.strip()))
    for option, name, default in (("file_mode", "--file-perms", "0755"), ("dir_mode", "--dir-perms", "0755")):
        mount.append("%s=%s" % (name, options.get(option, default)))
    os.chdir("/")
    done = subprocess.run(mount, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(5, "Input/output error: %s" % " ".join(done.stderr.split()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
