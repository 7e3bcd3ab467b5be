# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line: see the README."""

from __future__ import annotations

import argparse
import signal
import sys
import typing as t

from . import builds, faults, store
from .peer import Peer
from .settings import SettingsError


def _fault(text: str) -> faults.Fault:
    try:
        return faults.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(arguments: t.Optional[t.Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m swarm_peer", description="The reference peer for tests and demos.")
    parser.add_argument("--config", help="swarm.yaml, read at start; a missing file means defaults")
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--address", default="127.0.1.1")
    parser.add_argument("--platform", default=builds.PLATFORM, choices=builds.PLATFORMS)
    parser.add_argument("--temp-dir", help="where uploads are spooled (the system's directory for temporary files)")
    parser.add_argument("--log", help="append events to this file as JSON lines")
    parser.add_argument("--deploy-anything", action="store_true", help="deploy files that are no test builds as well")
    parser.add_argument("--status", type=int, default=200, help="the HTTP status of the answers to uploads")
    parser.add_argument(
        "--kept-as", default="sent", choices=store.KEPT_AS, help="names of files in the import directory"
    )
    parser.add_argument("--kept-in", default="import", choices=store.KEPT_IN, help="where rapid uploads are kept")
    parser.add_argument("--fault", action="append", default=[], type=_fault, help="may repeat")
    options = parser.parse_args(arguments)
    # Blocked before the threads start, so that none of them gets the signal and sigwait() does.
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    peer = Peer(
        options.data_dir,
        address=options.address,
        port=None,
        config=options.config,
        platform=options.platform,
        temp_dir=options.temp_dir,
        log=options.log,
        deploy_anything=options.deploy_anything,
        status=options.status,
        kept_as=options.kept_as,
        kept_in=options.kept_in,
        faults=options.fault,
    )
    try:
        peer.start()
    except SettingsError as error:
        print("swarm_peer: %s" % error, file=sys.stderr)
        return 1
    except OSError as error:
        where = error.filename if error.filename else peer.url
        print("swarm_peer: %s: %s" % (where, error.strerror or error), file=sys.stderr)
        return 1
    try:
        print("listening on %s" % peer.url, flush=True)
        signal.sigwait(stops)
    finally:
        peer.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
