# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""peer_info: the module looks at the host; the web port is asked from here, unless api_from says otherwise."""

from __future__ import annotations

import base64
import secrets
import time
import typing as t

from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import peer_info_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._ask import ask
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._look import (
    Look,
    digest,
    nothing_found,
    pending_restart,
)
from ansible_collections.renderops.vray_swarm.plugins.module_utils._peer_info import check_options
from ansible_collections.renderops.vray_swarm.plugins.module_utils._service import check_service_name
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_file import parse_settings
from ansible_collections.renderops.vray_swarm.plugins.module_utils._version import printable
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._action import SwarmAction
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._group_vars import group_vars
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._secrets import MASK, masked_values
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._share_wanted import (
    credentials_content,
    masked_share,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._signature import check_once, load_keyring
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._signed import check_place
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._wanted import Wanted
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._windows import check_windows_service

display = Display()

# What the host itself has to be asked for; without any of it, no connection to it is made.
_ON_HOST = ("data_dir", "config", "import_dir", "share_path", "share_credentials", "service", "discover")
# Facts that decisions need, and nobody else.
_HIDDEN = ("config_content", "manifest", "signed", "import_there", "marks")

# When to look again for a build, each time later than the time before, and how often to say so, in seconds.
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 10.0
_SAY_EACH = 60.0
# For how long a queued build has to be away from the import directory until it is taken for refused, in seconds. Nobody
# says whether Swarm moves it elsewhere while it deploys it.
_GONE_AFTER = 60.0
# For how long the web port of a Swarm that runs is asked when all builds are there, in seconds. One that first imports
# and then listens does so soon.
_SILENT_FOR = 20.0


class ActionModule(SwarmAction):
    SPEC = peer_info_spec()
    SETTINGS = "wanted"
    # The public keys of which one has to have signed the list of the share.
    _keyring: t.Optional[bytes] = None
    # Whether nothing is being deployed any more; None where that was not waited for.
    _settled: t.Optional[bool] = None

    def act(self) -> t.Dict[str, t.Any]:
        options = self.options
        check_options(options, check_windows_service if self.on_windows else check_service_name)
        wanted = Wanted(options["wanted"]) if options["wanted"] else None
        if wanted is not None and not options["import_dir"]:
            options["import_dir"] = wanted.import_dir
        if wanted is not None and options["wanted"]["keyring"]:
            check_place(options["import_dir"], options["share_path"])
            self._keyring = load_keyring(self._find_keyring(options["wanted"]["keyring"]))
        facts = self._look()
        if wanted is not None:
            facts["differences"] = self._compare(wanted, facts)
            is_signed = all(item["kind"] != "signature" for item in facts["differences"])
            if not self._task.check_mode and is_signed and (_missing(facts) or options["settle"]):
                # What was read once is not read each second.
                options["details"] = [name for name in options["details"] if name != "import_checksums"]
                facts = self._wait(wanted, facts)
            facts["wanted_builds"] = wanted.told(facts, options["data_dir"])
        facts["unseen"] = _unseen(facts, wanted.less_than_unpacked(facts) if wanted else ())
        result = {
            "changed": False,
            **{name: value for name, value in facts.items() if name not in (*_HIDDEN, "signature")},
            # What follows from them is decided.
            "settings": masked_values(facts["settings"]),
        }
        if options["settle"]:
            result["settled"] = self._settled
        if options["discover"]:
            result["discovered"] = self._discovered(facts)
        return result

    def shown(self, settings: t.Any) -> t.Any:
        """What is wanted, where the share may have a password in it, for which it is refused."""
        share = settings.get("share") if isinstance(settings, dict) else None
        if isinstance(share, dict):
            settings = dict(settings, share=masked_share(share))
        elif share:
            settings = dict(settings, share=MASK)
        return super().shown(settings)

    def _look(self) -> t.Dict[str, t.Any]:
        options = self.options
        found = nothing_found()
        settings, shared, web_port, api = None, None, options["web_port"], None
        on_host = {name: options[name] for name in _ON_HOST if options[name]}
        if on_host or options["watch"] or options["api_from"] == "peer":
            # The host asks itself by the name that the task gives, not by its address in the inventory.
            passed = ("peer", "platform", "watch")
            given = {name: value for name, value in self.arguments.items() if name in passed}
            for name in ("web_port", "connect_timeout", "api_from", "details"):
                given[name] = options[name]
            if options["share_credentials"]:
                given["share_digest"] = self._share_digest()
            given["share_signature"] = self._keyring is not None
            found = self.look_at_host(dict(on_host, **given))
            look = Look(found)
            shared, api = look.shared, found["api"]
            try:
                web_port = look.web_port or web_port
            except OptionsError as error:
                found["errors"].setdefault("config", str(error))
            settings = self._settings(found)
        if options["api_from"] == "controller":
            api = ask(options["peer"], web_port, options["connect_timeout"])
        facts = {
            "settings": settings,
            "api": dict(api or {}, pending_restart=pending_restart(settings, api)),
            "import_shared": shared,
            "signature": self._signature(found["signed"]),
            **{name: found[name] for name in nothing_found()},
        }
        # The roles show these, and names of files are in them.
        facts["errors"] = {name: printable(text) for name, text in facts["errors"].items()}
        if options["discover"]:
            facts["discovered"] = found["discovered"]
        return facts

    def _compare(self, wanted: Wanted, facts: t.Dict[str, t.Any]) -> t.List[t.Dict[str, t.Any]]:
        return wanted.differences(facts, self.options["data_dir"], self.options["config"])

    def _wait(self, wanted: Wanted, facts: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
        """Look again until all builds are deployed and have stopped to grow, none can come, or the time is up."""
        start = said = time.monotonic()
        seconds, pause = self.options["wait"], _FIRST_PAUSE
        gone, still, silent = _Gone(wanted), _Still(wanted, self.options["settle_time"]), _Silent()
        while True:
            now = time.monotonic()
            self._settled = still.is_long(facts, now) or _is_down(facts)
            if now - start >= seconds or _is_down(facts):
                return facts
            if not _missing(facts) and self._settled and not silent.may_answer(facts, now):
                return facts
            if _missing(facts) and gone.are_all(facts, now):
                return facts
            if now - said >= _SAY_EACH:
                said = now
                left = ", ".join(item["want"] or item["subject"] for item in _missing(facts))
                left = left or ("the web port" if self._settled else "the size of the builds")
                display.display(printable(f"{self.label}: waits for {left} ({now - start:.0f} s of {seconds:.0f})"))
            time.sleep(max(0.0, min(pause, start + seconds - now)))
            pause = min(_LONGEST_PAUSE, pause * 1.5)
            facts = self._look()
            facts["differences"] = self._compare(wanted, facts)

    def _settings(self, facts: t.Dict[str, t.Any]) -> t.Optional[t.Dict[str, t.Any]]:
        """What swarm.yaml says; it is read here, since the host need not have PyYAML."""
        if facts["config_content"] is None:
            return None
        try:
            return parse_settings(base64.b64decode(facts["config_content"]), self.options["config"], ())
        except OptionsError as error:
            facts["errors"].setdefault("config", str(error))
            return None

    def _share_digest(self) -> t.Optional[str]:
        """What the host compares its credentials file with. As options of the task, user and password would be shown."""
        values = [self._variable(f"vray_swarm_share_{name}") for name in ("username", "password", "domain")]
        content = credentials_content(*values)
        return None if content is None else digest(secrets.token_hex(16), content)

    def _find_keyring(self, path: str) -> str:
        try:
            return str(self._find_needle("files", path))
        except AnsibleError as error:
            raise OptionsError(
                f"The keyring {path} was not found on the controller. Correct wanted.keyring (vray_swarm_share_keyring): it"
                " is a file with the public keys that may sign."
            ) from error

    def _signature(self, signed: t.Optional[t.Mapping[str, t.Any]]) -> t.Optional[str]:
        """What gpgv says of the list of the share, None where there is nothing to ask."""
        if self._keyring is None or not signed or signed["sums"] is None or signed["signature"] is None:
            return None
        sums, signature = (base64.b64decode(signed[name]) for name in ("sums", "signature"))
        return check_once(sums, signature, self._keyring)

    def _variable(self, name: str) -> str:
        value = self._templar.template(self._task_vars.get(name))
        return "" if value is None else str(value)

    def _discovered(self, facts: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
        block = group_vars(facts["discovered"], facts["platform"])
        # A callback would show it as a text with \n in it, which nobody can paste.
        display.display(f"# --- {self.label}\n{block}# ---")
        # All that follows from a command line was found in the exact one.
        candidates = [
            dict(candidate, command=masked_values(candidate["command"]))
            for candidate in facts["discovered"]["candidates"]
        ]
        return dict(facts["discovered"], candidates=candidates, group_vars=block)


def _unseen(facts: t.Mapping[str, t.Any], less: t.Container[str]) -> t.List[str]:
    """The versions that an earlier Swarm has taken from a share, and that no run has seen whole, or waits for.

    :param less: Those that have less than their archives. No others are in doubt when the peer is seen for the first time.
    """
    if not facts["import_shared"]:
        return []
    doubted = [version for version in facts["outlived"] or [] if version not in {*facts["seen"], *facts["awaited"]}]
    return [version for version in doubted if facts["seen_all"] or version in less]


def _missing(facts: t.Mapping[str, t.Any]) -> t.List[t.Dict[str, t.Any]]:
    """The wanted builds that are not deployed."""
    return [item for item in facts["differences"] if item["kind"] == "build"]


class _Gone:
    """Queued builds that left the import directory, and are not deployed."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._since: t.Dict[str, float] = {}

    def are_all(self, facts: t.Mapping[str, t.Any], now: float) -> bool:
        """Whether all that are missing have been away for long."""
        names = [item["subject"] for item in _missing(facts)]
        away = self._wanted.away(facts).intersection(names)
        self._since = {name: self._since.get(name, now) for name in away}
        return "import_dir" not in facts["errors"] and all(
            now - self._since.get(name, now) >= _GONE_AFTER for name in names
        )


class _Still:
    """For how long neither the builds nor what lies in the import directory have changed.

    What was there before, and is not wanted, may change for ever: a render writes there.
    """

    def __init__(self, wanted: Wanted, seconds: float) -> None:
        """
        :param seconds: For how long they have to be so. With 0, two looks are enough.
        """
        self._wanted = wanted
        self._seconds = seconds
        self._seen: t.Any = None
        self._since = 0.0

    def is_long(self, facts: t.Mapping[str, t.Any], now: float) -> bool:
        """Whether it is long enough. What could not be looked at may change."""
        beside = self._wanted.beside(facts)
        seen = [build for build in facts["builds"] if build["version"] not in beside], facts["imports"]
        if seen != self._seen or not {"data_dir", "build_sizes"}.isdisjoint(facts["errors"]):
            self._seen, self._since = seen, now
        return now > self._since and now - self._since >= self._seconds


class _Silent:
    """The web port of a Swarm that runs, when nothing else is waited for."""

    def __init__(self) -> None:
        self._since: t.Optional[float] = None

    def may_answer(self, facts: t.Mapping[str, t.Any], now: float) -> bool:
        """Whether it does not answer yet, and may soon."""
        if not _is_running(facts) or all(item["kind"] != "api" for item in facts["differences"]):
            return False
        if self._since is None:
            self._since = now
        return now - self._since < _SILENT_FOR


def _is_running(facts: t.Mapping[str, t.Any]) -> bool:
    return bool(facts["service"]) and facts["service"]["state"] == "running"


def _is_down(facts: t.Mapping[str, t.Any]) -> bool:
    """Whether nothing can be waited for."""
    return bool(facts["service"]) and facts["service"]["state"] in ("stopped", "failed", "absent")
