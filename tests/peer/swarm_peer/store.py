# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The builds of a peer: deployed ones, the import directory and what becomes of an upload."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import os
import shutil
import threading
import time
import typing as t
import uuid

from . import builds
from .events import Events
from .faults import Plan
from .form import Spool

Answer = t.Dict[str, t.Dict[str, t.Any]]
Key = t.Tuple[int, int, int, int]


# How a file is called in the import directory: as it was sent, by a name of its own, or by its version.
KEPT_AS = ("sent", "uuid", "version")

# Where a rapid upload is kept: in the import directory, or in VRay/import also where vrayImportDir is another directory.
KEPT_IN = ("import", "data")


class Rejected(Exception):
    """A build is not deployed; ``result`` is the word of the import event."""

    def __init__(self, result: str, message: str) -> None:
        super().__init__(message)
        self.result = result


class Stopped(Exception):
    """The peer is being stopped."""


@dataclasses.dataclass
class Upload:
    """One upload whose file has arrived whole."""

    spool: Spool
    name: str
    began: float
    #: Where it was kept.
    path: str = ""


def fail(message: str, tmp_file: str) -> Answer:
    return {"FailUR": {"message": message, "tmpFile": tmp_file}}


class Store:
    def __init__(
        self,
        data_dir: str,
        import_dir: t.Optional[str],
        platform: str,
        allow_executables: bool,
        deploy_anything: bool,
        events: Events,
        stopping: threading.Event,
        faults: t.Callable[[], Plan],
        kept_as: str = "sent",
        kept_in: str = "import",
    ) -> None:
        self.vray_dir = os.path.join(os.path.abspath(data_dir), "VRay")
        self.import_dir = import_dir or os.path.join(self.vray_dir, "import")
        self.platform = platform
        self.allow_executables = allow_executables
        self.deploy_anything = deploy_anything
        self.kept_as = kept_as
        self.kept_in = kept_in
        self._events = events
        self._stopping = stopping
        self._faults = faults
        self._lock = threading.Lock()
        self._version_locks: t.Dict[str, threading.Lock] = {}
        self._staging_numbers = itertools.count(1)
        # Of the import directory, by file name: what is settled, how often each was tried, what is still being written.
        self._settled: t.Dict[str, Key] = {}
        self._attempts: t.Dict[str, int] = {}
        self._own: t.Set[str] = set()
        os.makedirs(self.vray_dir, exist_ok=True)
        if import_dir is None:
            os.makedirs(self.import_dir, exist_ok=True)
        for name in os.listdir(self.vray_dir):
            if name.startswith(".deploying-"):  # left by a peer that was killed
                shutil.rmtree(os.path.join(self.vray_dir, name), ignore_errors=True)

    # --- uploads

    def rapid(self, upload: Upload) -> Answer:
        spool = upload.spool
        try:
            build = self._examine(spool.path, spool.sha256)
            with self._version_lock(build.version_str):
                if not build.installer and os.path.isdir(self._deployed(build)):
                    return self._existing(build, spool)
                with self._deploying(build, spool.path) as deployed:
                    self._keep(upload)
        except (Rejected, OSError) as error:
            return fail(str(error), spool.path)
        return {
            "RapidUR": {
                "takenSeconds": int(time.monotonic() - upload.began),
                "tmpFile": spool.path,
                "uploadedFileSize": spool.size,
                "deployedInDirectory": deployed,
                "uploadedVrayVersion": build.version,
            }
        }

    def queue(self, upload: Upload) -> Answer:
        spool = upload.spool
        try:
            try:
                build = self._examine(spool.path, spool.sha256)
                if not build.installer and os.path.isdir(self._deployed(build)):
                    return self._existing(build, spool)
            except Rejected as error:
                # Whether a file can be deployed turns out when it is imported, except where a setting forbids it.
                if error.result == "refused":
                    raise
            path = self._keep(upload, settled=False)
        except (Rejected, OSError) as error:
            return fail(str(error), spool.path)
        return {"QueuedUR": {"queuedAs": path, "uploadedFileSize": spool.size, "tmpFile": spool.path}}

    def cut_short(self, upload: Upload, answer: Answer, lost: int) -> None:
        """Make of it what a Swarm would that loses the end of what it was sent, and say so."""
        ((tag, told),) = answer.items()
        if tag not in ("RapidUR", "QueuedUR"):
            return
        if tag == "RapidUR":
            walked = os.walk(self._deployed(self._examine(upload.path)))
            files = [os.path.join(folder, name) for folder, _folders, names in walked for name in names]
            largest = max(files, key=os.path.getsize)
            os.truncate(largest, max(0, os.path.getsize(largest) - lost))
        told["uploadedFileSize"] -= lost
        with self._lock:
            os.truncate(upload.path, told["uploadedFileSize"])
            name = os.path.basename(upload.path)
            if name in self._settled:
                self._settled[name] = _key(os.stat(upload.path))

    def _existing(self, build: builds.Build, spool: Spool) -> Answer:
        return {
            "ExistingUR": {
                "message": "V-Ray version already exists",
                "tmpFile": spool.path,
                "uploadedVrayVersion": build.version,
            }
        }

    # --- one build

    def _examine(self, path: str, sha256: t.Optional[str] = None) -> builds.Build:
        if not self.allow_executables:
            with open(path, "rb") as stream:
                if builds.is_program(stream.read(4)):
                    raise Rejected("refused", "installers are not allowed, see the setting allowExecutables")
        try:
            build = builds.read_build(path, self.deploy_anything, sha256)
        except builds.BrokenBuild as error:
            raise Rejected("broken", "not a V-Ray build: %s" % error) from error
        if build.platform not in (None, self.platform):
            raise Rejected("foreign", "a build for %s cannot be deployed on %s" % (build.platform, self.platform))
        return build

    def _deployed(self, build: builds.Build) -> str:
        return os.path.join(self.vray_dir, "vray-" + build.version_str)

    def _version_lock(self, version: str) -> threading.Lock:
        with self._lock:
            return self._version_locks.setdefault(version, threading.Lock())

    def _deploying(self, build: builds.Build, path: str) -> _Deployment:
        # Taken by what is unpacked next, from wherever it comes.
        halfway = None if build.bare else self._faults().get("halfway")
        staging = os.path.join(self.vray_dir, ".deploying-%d-%d" % (os.getpid(), next(self._staging_numbers)))
        if halfway and halfway.value == "in-place":
            staging = self._deployed(build)

        def stop() -> None:
            self._events.add("fault", fault="halfway", value=halfway and halfway.value, directory=staging)
            self._stop_halfway()

        os.mkdir(staging)
        try:
            if build.bare:
                content = os.path.join(staging, "content")
                try:
                    os.link(path, content)
                except OSError:
                    shutil.copyfile(path, content)
            else:
                builds.extract(build, path, staging, stop if halfway else self._check_running)
            return _Deployment(staging, self._deployed(build))
        except BaseException as error:
            shutil.rmtree(staging, ignore_errors=True)
            if isinstance(error, builds.BrokenBuild):
                raise Rejected("broken", "not a V-Ray build: %s" % error) from error
            raise

    def _check_running(self) -> None:
        if self._stopping.is_set():
            raise Stopped()

    def _stop_halfway(self) -> None:
        self._stopping.wait()
        self._check_running()

    # --- the import directory

    def _keep(self, upload: Upload, settled: bool = True) -> str:
        """Move an uploaded file to the name that it is kept by, in one step."""
        directory = self.import_dir
        if settled and self.kept_in == "data":
            directory = os.path.join(self.vray_dir, "import")
            os.makedirs(directory, exist_ok=True)
        upload.path = target = os.path.join(directory, self._kept_name(upload))
        try:
            self._put(upload.spool.path, target, settled)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
        else:
            return target
        # Another file system: a copy beside the target, which the scan leaves alone, then the same step.
        partial = "." + os.path.basename(upload.spool.path)
        path = os.path.join(directory, partial)
        with self._lock:
            self._own.add(partial)
        try:
            shutil.copyfile(upload.spool.path, path)
            self._put(path, target, settled)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)
            with self._lock:
                self._own.discard(partial)
        return target

    def _kept_name(self, upload: Upload) -> str:
        if self.kept_as == "uuid":
            return "%s.upload" % uuid.uuid4()
        if self.kept_as == "version":
            with contextlib.suppress(Rejected):
                build = self._examine(upload.spool.path, upload.spool.sha256)
                return "vray-%s%s" % (build.version_str, "" if build.installer else ".tar")
        return upload.name

    def _put(self, source: str, target: str, settled: bool) -> None:
        name = os.path.basename(target)
        with self._lock:
            os.replace(source, target)
            self._attempts.pop(name, None)
            self._settled.pop(name, None)
            if settled:
                self._settled[name] = _key(os.stat(target))

    def scan(self, first: bool = False) -> None:
        """Try what lies in the import directory and is not settled; the page says about every 10 seconds."""
        try:
            names = sorted(os.listdir(self.import_dir))
        except OSError as error:
            self._events.add("scan", error=str(error))
            return
        with self._lock:
            for gone in (set(self._settled) | set(self._attempts)) - set(names):
                self._settled.pop(gone, None)
                self._attempts.pop(gone, None)
        for name in names:
            self._check_running()
            path = os.path.join(self.import_dir, name)
            with self._lock:
                try:
                    key = _key(os.stat(path))
                except OSError:
                    continue  # a file that was just moved away, or a link to nowhere
                if name in self._own or self._settled.get(name) == key:
                    continue
                self._attempts[name] = attempts = self._attempts.get(name, 0) + 1
            message: t.Optional[str] = None
            try:
                result = self._import(path, first)
                with self._lock:
                    self._settled[name] = key
            except Rejected as error:
                result, message = error.result, str(error)
            except OSError as error:
                result, message = "broken", str(error)
            self._events.add("import", name=name, result=result, attempts=attempts, message=message)

    def _import(self, path: str, first: bool) -> str:
        if not os.path.isfile(path):
            raise Rejected("broken", "not a regular file")
        build = self._examine(path)
        with self._version_lock(build.version_str):
            # After a restart nothing else tells that an installer of the import directory was run before.
            if os.path.isdir(self._deployed(build)) and (first or not build.installer):
                return "exists"
            with self._deploying(build, path):
                return "deployed"


class _Deployment:
    """A staged build: in place inside the ``with`` block, taken back when the block fails."""

    def __init__(self, staging: str, target: str) -> None:
        self._staging = staging
        self._target = target
        self._old = staging + ".old"

    def __enter__(self) -> str:
        if os.path.isdir(self._target):
            os.rename(self._target, self._old)
        os.rename(self._staging, self._target)
        return self._target

    def __exit__(self, kind: t.Optional[t.Type[BaseException]], *_rest: t.Any) -> None:
        if kind is not None:
            shutil.rmtree(self._target, ignore_errors=True)
            if os.path.isdir(self._old):
                os.rename(self._old, self._target)
        shutil.rmtree(self._old, ignore_errors=True)


def _key(status: os.stat_result) -> Key:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
