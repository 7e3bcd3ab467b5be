# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a look found, compared with what is wanted."""

from __future__ import annotations

import base64
import json

import pytest

from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import OptionsError, VersionError
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._wanted import Wanted

DATA, CONFIG, SHARE = "/var/lib/swarm", "/etc/swarm/swarm.yaml", "/mnt/vray"
IMPORT = f"{SHARE}/stable/Linux_x86"
OLD, NEW = "6.20.10-e8197af2", "7.0.6-0a1b2c3d"
NAME = f"vray-{NEW}.tar"
MASK = "********"


def facts_of(**changes):
    """A peer that is right."""
    facts = {
        "config_content": base64.b64encode(b"webPort: 1113\n").decode("ascii"),
        "manifest": None,
        "api": {"reachable": True, "allow_executables": False, "url": "http://peer:1113", "error": None},
        "service": {"state": "running", "enabled": True, "detail": "active (running)", "error": None},
        "builds": [{"version": OLD, "directory": f"{DATA}/VRay/vray-{OLD}", "files": 5, "bytes": 70}],
        "marks": [],
        "unanswered": [],
        "awaited": [],
        "interrupted": [],
        "imports": [],
        "import_dir": f"{DATA}/VRay/import",
        "import_there": True,
        "import_mount": None,
        "import_shared": None,
        "kept": [],
        "mount": None,
        "disk": {"temp": 10**10, "data": 10**10, "import": 10**10},
        "platform": "Linux_x86",
        "errors": {},
    }
    facts.update(changes)
    return facts


def swarm_yaml(text):
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def share(**changes):
    return dict({"path": SHARE, "mounted": True, "readable": True, "error": None}, **changes)


def imported(name, platform="Linux_x86", size=1000, kind="archive"):
    return {"name": name, "path": f"{IMPORT}/{name}", "bytes": size, "kind": kind, "platform": platform}


def wanted(**options):
    defaults = {
        "settings": {},
        "absent": [],
        "share": None,
        "keyring": None,
        "builds": None,
        "queued_as": {},
        "known": [],
        "only": False,
        "disk_factor": 3,
        "unpacked_percent": 99,
    }
    return Wanted(dict(defaults, **options))


def build(name=NAME, version=None, size=None, platform=None):
    return {"name": name, "version": version, "bytes": size, "platform": platform, "queued": False}


def found(facts, **options):
    return wanted(**options).differences(facts, DATA, CONFIG)


def kinds(facts, **options):
    return [(item["kind"], item["subject"]) for item in found(facts, **options)]


def texts(facts, **options):
    return " ".join(item["message"] for item in found(facts, **options))


def test_a_peer_that_is_right_differs_in_nothing():
    settings = {"vrayImportDir": f"{DATA}/VRay/import/", "allowExecutables": False, "webPort": 1113}
    facts = facts_of(mount=share())
    assert found(facts, settings=settings, absent=["logging"], builds=[build(f"vray-{OLD}.tar")], only=True) == []


def test_what_could_not_be_looked_at_is_said():
    facts = facts_of(errors={"config": "It could not be read."}, config_content=None)
    assert found(facts, settings={"allowExecutables": False}) == [
        {"kind": "unknown", "subject": "config", "have": None, "want": None, "message": "It could not be read."}
    ]


# The share.


@pytest.mark.parametrize(
    "mount, text",
    [
        (share(mounted=False), f"The share is not mounted at {SHARE}."),
        (share(mounted=False, error="/mnt/vray could not be read: No such file or directory."), "is not mounted"),
        (share(mounted=False, error="/mnt/vray does not answer."), "does not answer"),
        (share(readable=False, error="/mnt/vray could not be read: Permission denied."), "Permission denied"),
    ],
)
def test_a_share_that_cannot_be_read(mount, text):
    facts = facts_of(mount=mount)
    assert kinds(facts) == [("share", SHARE)]
    assert text in texts(facts)


# The settings.


def test_settings_that_differ():
    facts = facts_of(config_content=swarm_yaml("allowExecutables: true\nvrayImportDir: /old\n"))
    settings = {"allowExecutables": False, "vrayImportDir": f"{SHARE}/stable/{{platform}}"}
    assert found(facts, settings=settings) == [
        {
            "kind": "settings",
            "subject": "allowExecutables",
            "have": True,
            "want": False,
            "message": f"allowExecutables in {CONFIG} is true, and false is wanted.",
        },
        {
            "kind": "settings",
            "subject": "vrayImportDir",
            "have": "/old",
            "want": IMPORT,
            "message": f"vrayImportDir in {CONFIG} is /old, and {IMPORT} is wanted.",
        },
    ]


def test_settings_that_are_secret_by_their_key():
    """They are compared as they are, and told as masks."""
    facts = facts_of(config_content=swarm_yaml("apiToken: old\nproxy: {user: joe, passwd: old}\nkey: [old]\n"))
    settings = {"apiToken": "new", "proxy": {"passwd": "new"}, "key": ["old"], "password": "new"}
    assert [
        (item["subject"], item["have"], item["want"], item["message"]) for item in found(facts, settings=settings)
    ] == [
        ("apiToken", MASK, MASK, f"apiToken in {CONFIG} is {MASK}, and another value is wanted."),
        ("password", None, MASK, f"password in {CONFIG} is not set, and {MASK} is wanted."),
        (
            "proxy",
            {"passwd": MASK},
            {"passwd": MASK},
            f'proxy in {CONFIG} is {{"passwd": "{MASK}"}}, and another value is wanted.',
        ),
    ]
    assert found(facts, settings={"apiToken": "old", "proxy": {"user": "joe", "passwd": "old"}}) == []


def test_a_new_import_directory_is_told_with_what_comes_of_it():
    facts = facts_of(imports=[imported(f"vray-{OLD}.tar"), imported(NAME, size=458321016)])
    text = texts(facts, settings={"vrayImportDir": IMPORT})
    assert text == (
        f"vrayImportDir in {CONFIG} is not set, and {IMPORT} is wanted. From there Swarm will import {NAME} (458.3 MB)."
    )


@pytest.mark.parametrize(
    "have", ["", f"vrayImportDir: {DATA}/VRay/import\n", f"vrayImportDir: '{DATA}/VRay/import/'\n"]
)
def test_the_default_import_directory_needs_no_key(have):
    assert found(facts_of(config_content=swarm_yaml(have)), settings={"vrayImportDir": f"{DATA}/VRay/import"}) == []


def test_a_key_that_is_to_go():
    facts = facts_of(config_content=swarm_yaml("logging:\n  web: {disabled: true}\n"))
    assert kinds(facts, absent=["logging.web"]) == [("settings", "logging")]


def test_a_swarm_that_was_not_started_again():
    api = {"reachable": True, "allow_executables": True, "url": "", "error": None}
    assert kinds(facts_of(api=api), settings={"allowExecutables": False}) == [("restart", "allowExecutables")]
    # Whoever has no wish has no complaint.
    assert kinds(facts_of(api=api)) == []


def test_a_file_that_cannot_be_changed_safely_is_told():
    facts = facts_of(config_content=swarm_yaml("webPort: 1\nwebPort: 2\n"))
    assert kinds(facts, settings={"webPort": 1113}) == [("unknown", "config")]


@pytest.mark.parametrize("settings", [{"webPort": 0}, {"allowExecutables": "perhaps"}, {"vrayImportDir": ""}])
def test_settings_that_no_peer_can_have_are_refused(settings):
    with pytest.raises(OptionsError):
        wanted(settings=settings)


# The service and the web port.


@pytest.mark.parametrize(
    "service, expected",
    [
        ({"state": "stopped", "enabled": True}, [("service", "service")]),
        ({"state": "failed", "enabled": False}, [("service", "service"), ("service", "enabled")]),
        ({"state": "running", "enabled": False}, [("service", "enabled")]),
        ({"state": "running", "enabled": None}, []),
        ({"state": "absent", "enabled": None}, [("unknown", "service")]),
        ({"state": "unknown", "enabled": None, "error": "no systemd"}, [("unknown", "service")]),
    ],
)
def test_the_service(service, expected):
    assert kinds(facts_of(service=dict({"detail": "so", "error": None}, **service))) == expected


def test_a_web_port_that_does_not_answer_is_told_once():
    api = {"reachable": False, "allow_executables": None, "url": "http://peer:1113", "error": "refused"}
    assert kinds(facts_of(api=api)) == [("api", "http://peer:1113")]
    stopped = {"state": "stopped", "enabled": True, "detail": "so", "error": None}
    assert kinds(facts_of(api=api, service=stopped)) == [("service", "service")]


# The import directory.


STRAYS = [
    imported("a", "Windows_x86"),
    imported("b", None, kind="unknown"),
    imported("c", None, None, "directory"),
    imported("d", None, kind=None),
    imported("e", None),
    imported("f", None, None, "special"),
    imported(".g", "Windows_x86"),
    imported(".h", None, kind="unknown"),
    imported(".i", None, None, "directory"),
]
FOREIGN, STRANGE = [("platform", "a"), ("platform", ".g")], ["b", "c", "f", ".h", ".i"]


@pytest.mark.parametrize(
    "where",
    [
        {"import_shared": "/srv/vray lies on the cifs mount //nas/vray"},
        {"import_shared": "vrayImportDir in its swarm.yaml points to /srv/vray"},
        # Whatever is mounted there, or will be.
        {"mount": share(), "import_dir": IMPORT},
    ],
)
def test_what_swarm_would_try_for_ever(where):
    """In a share, each peer would."""
    facts = facts_of(imports=[imported(NAME), *STRAYS], **where)
    assert sorted(kinds(facts)) == sorted([*FOREIGN, *(("import", name) for name in STRANGE)])
    assert "is for Windows_x86, and this peer is Linux_x86" in texts(facts)


def test_in_its_own_import_directory_swarm_decides_what_it_takes():
    """It may keep things of its own there. What is for another platform, it would try for ever all the same."""
    names = ("x.tar.zst", "x.7z", "x.msi", "x.pkg", "index.db", ".index")
    own = [*(imported(name, None, kind="unknown") for name in names), imported(".tmp", None, None, "directory")]
    assert kinds(facts_of(imports=[imported(NAME), *own], mount=share())) == []
    assert kinds(facts_of(imports=STRAYS)) == [("platform", "a"), ("import", "f")]
    assert kinds(facts_of(imports=[imported("x.msi", "Windows_x86", kind="unknown")])) == [("platform", "x.msi")]


def test_an_import_directory_that_is_not_there():
    missing = facts_of(mount=share(), import_dir=IMPORT, import_there=False)
    assert kinds(missing) == [("directory", IMPORT)]
    # Before the share is mounted, nothing in it is there; and Swarm makes its own one by itself.
    assert "directory" not in dict(kinds(dict(missing, mount=share(mounted=False))))
    assert kinds(facts_of(import_there=False)) == []


# The builds.


def test_builds_that_are_named():
    builds = [build(f"/builds/vray-{OLD}.tar"), build(), build("x.tar", "8.0.0-abcdef12", platform="Windows_x86")]
    assert found(facts_of(), builds=builds) == [
        {"kind": "build", "subject": NAME, "have": None, "want": NEW, "message": f"The build {NEW} is not deployed."}
    ]
    facts = facts_of(imports=[imported(NAME)])
    assert texts(facts, builds=builds).endswith(f"{NAME} lies in the import directory {DATA}/VRay/import.")


def test_a_version_counts_as_a_number():
    facts = facts_of(builds=[{"version": "7.0.6-0a1b2c3d", "directory": "", "files": 1, "bytes": 1}])
    assert found(facts, builds=[build("vray.tar", "7.00.06-0a1b2c3d")]) == []


def test_a_path_of_windows_has_a_name():
    assert [item["subject"] for item in found(facts_of(), builds=[build(f"C:\\builds\\{NAME}")])] == [NAME]


def test_builds_whose_version_nobody_knows():
    nameless = [build("vray-lin-df715d3c8ff9.tar"), build("vraystd_adv_71000")]
    one, two = ({"version": version, "directory": "", "files": 1, "bytes": 1} for version in (OLD, NEW))
    assert len(found(facts_of(builds=[]), builds=nameless)) == 2
    assert len(found(facts_of(builds=[one]), builds=nameless)) == 1
    assert found(facts_of(builds=[one, two]), builds=nameless) == []
    # What was there before is none of them, and neither is what another one names.
    assert len(found(facts_of(builds=[one, two]), builds=nameless, known=[OLD])) == 1
    assert len(found(facts_of(builds=[one, two]), builds=[*nameless, build()])) == 1


def test_versions_that_are_none_are_refused():
    with pytest.raises(VersionError):
        wanted(known=["seven"])
    with pytest.raises(OptionsError, match="Correct one of them"):
        found(facts_of(), builds=[build(NAME, OLD)])


def test_a_build_that_nobody_wants():
    assert found(facts_of(), builds=[]) == []
    two = [*facts_of()["builds"], {"version": NEW, "directory": "", "files": 1, "bytes": 1}]
    assert kinds(facts_of(builds=two), builds=[build()], only=True) == [("unwanted", OLD)]
    assert kinds(facts_of(builds=two), builds=[build()]) == []
    # Which of them the nameless one is, nobody knows.
    assert kinds(facts_of(builds=two), builds=[build(), build("vray.tar")], only=True) == []


def test_what_may_be_a_half():
    """An upload of it was begun, nobody heard of its end, and Swarm has not kept it."""
    name = f"vray-{OLD}.tar"
    facts = facts_of(unanswered=[OLD, NEW])
    (half,) = found(facts, builds=[build(name)])
    assert half["kind"] == "half" and f"The build {OLD} may be a half" in half["message"]
    assert kinds(facts_of(unanswered=[OLD], imports=[imported(name)]), builds=[build(name)]) == []
    assert kinds(facts_of(unanswered=[NEW]), builds=[build(name)]) == []
    facts = facts_of(interrupted=[OLD], awaited=[OLD], imports=[imported(name)])
    (half,) = found(facts, builds=[build(name)])
    assert half["kind"] == "half" and "Swarm has ended since its directory was made" in half["message"]
    assert kinds(facts_of(awaited=[OLD], imports=[imported(name)]), builds=[build(name)]) == []
    # What is not deployed at all is missing, and no more.
    assert kinds(facts_of(unanswered=[NEW]), builds=[build()]) == [("build", NAME)]


SENT = "lin.tar"
OF_CIFS = {"network": True, "fstype": "cifs", "source": "//nas/vray"}


@pytest.mark.parametrize(
    "kept, size, is_kept",
    [
        (imported(SENT), None, True),
        # The version that Swarm gives to names of files, with the page's own example of one.
        (imported(f"vray-{OLD}.tar"), None, True),
        (imported(f"vray-{OLD}.tar"), 70, True),
        (imported("0b1f.upload"), 1000, True),
        (imported("0b1f.upload"), 1001, False),
        (imported("0b1f.upload"), None, False),
        (imported(f"vray-{NEW}.tar"), None, False),
        # What is about to be put there, or is no file.
        (imported(f".vray-{OLD}.tar"), 1000, False),
        (imported(f"vray-{OLD}", size=None, kind="directory"), None, False),
    ],
)
def test_what_swarm_has_kept_is_no_half(kept, size, is_kept):
    """As upload has it, which goes by the size of what it was to send."""
    facts = facts_of(unanswered=[OLD], imports=[kept])
    builds = [build(SENT, OLD, size)]
    assert [item["kind"] for item in found(facts, builds=builds)].count("half") == (not is_kept)
    (told,) = wanted(builds=builds).told(facts, DATA)
    assert told["imported"] == (kept["name"] if is_kept else None)


def test_what_is_kept_where_the_page_has_it_is_no_half():
    """Swarm need not look there for what it imports, so that nobody deploys it again from there."""
    kept = {name: value for name, value in imported("0b1f.upload").items() if name in ("name", "path", "bytes")}
    facts = facts_of(unanswered=[OLD], import_dir="/srv/import", kept=[kept])
    assert kinds(facts, builds=[build(SENT, OLD, 1000)]) == []
    assert kinds(facts, builds=[build(SENT, OLD, 1001)]) == [("half", SENT)]
    # Which of them is left over from another time, the size tells, and no name.
    for size in (1001, None):
        assert kinds(facts, builds=[build("0b1f.upload", OLD, size)]) == [("half", "0b1f.upload")]
    (told,) = wanted(builds=[build(SENT, OLD, 1000)]).told(facts, DATA)
    assert told["imported"] is None


@pytest.mark.parametrize("where", [{"import_mount": OF_CIFS}, {"import_dir": "\\\\nas\\vray"}])
def test_of_what_lies_in_a_share_only_the_name_tells(where):
    facts = facts_of(unanswered=[OLD], imports=[imported(f"vray-{OLD}.tar")], **where)
    assert [item["kind"] for item in found(facts, builds=[build(SENT, OLD, 1000)])] == ["half"]
    assert found(facts, builds=[build(f"vray-{OLD}.tar")]) == []


def test_what_is_missing_is_told_with_the_name_that_swarm_gave_it():
    facts = facts_of(imports=[imported("0b1f.upload")])
    builds = [build(SENT, NEW)]
    assert texts(facts, builds=builds) == f"The build {NEW} is not deployed."
    queued_as = {SENT: f"{DATA}/VRay/import/0b1f.upload"}
    assert texts(facts, builds=builds, queued_as=queued_as).endswith(
        f"{SENT} lies in the import directory {DATA}/VRay/import as 0b1f.upload."
    )


def test_what_is_published_for_the_peer_is_wanted():
    entry = {"file": NAME, "sha256": "0" * 64, "platform": "Linux_x86", "channel": "stable", "size": 458321016}
    others = [dict(entry, platform="Windows_x86", file="a"), dict(entry, channel="canary", file="b")]
    learnt = dict(entry, file="vray-lin.tar", version=OLD)
    facts = facts_of(
        mount=share(), import_dir=IMPORT, manifest=json.dumps([entry, *others, learnt]), imports=[imported(NAME)]
    )
    assert [(item["kind"], item["want"]) for item in found(facts, builds=[])] == [("build", NEW)]
    # It is listed, but not there: a share that is stale, or another one.
    facts["imports"] = []
    assert f"{NAME} is not in the import directory {IMPORT}." in texts(facts, builds=[])
    assert found(facts, builds=None) == []


def test_what_is_published_for_a_windows_peer_is_wanted():
    """Its paths know no case, and the list knows one."""
    entry = {"file": NAME, "platform": "Windows_x86", "channel": "stable"}
    root = r"\\nas\vray builds"
    for import_dir in (root + r"\stable\Windows_x86", root.upper() + r"\Stable\windows_x86"):
        facts = facts_of(mount=share(path=root), import_dir=import_dir, manifest=json.dumps([entry]))
        assert [(item["kind"], item["want"]) for item in found(facts, builds=[])] == [("build", NEW)]


def listed(**more):
    entry = {"file": NAME, "platform": "Linux_x86", "channel": "stable", "unpacked_size": 1000, **more}
    there = {"version": NEW, "directory": "/d", "files": 1, "bytes": 989}
    return facts_of(mount=share(), import_dir=IMPORT, manifest=json.dumps([entry]), builds=[there])


def less(it, facts):
    return it.less_than_unpacked(dict(facts, wanted_builds=it.told(facts, DATA)))


def test_what_has_less_than_its_archive():
    """Swarm need not unpack all of it, and nobody says how much."""
    for builds in ([], [build(NAME)], [build(NAME, NEW)]):
        assert less(wanted(builds=builds), listed()) == {NEW}
        assert wanted(builds=builds).told(listed(), DATA)[0]["unpacked_size"] == 1000
        assert less(wanted(builds=builds, unpacked_percent=98.9), listed()) == set()
    assert wanted(builds=[], unpacked_percent=0).told(listed(), DATA)[0]["unpacked_size"] is None
    for size in (990, 998, 0, None):
        facts = listed(unpacked_size=size)
        assert less(wanted(builds=[], unpacked_percent=98), facts) == set()


@pytest.mark.parametrize("size", [10**400, 1 << 63, -1, True, 1e9, "1000", [], {}, float("nan")])
def test_what_anybody_may_have_written_of_the_size_of_an_archive(size):
    """The builds are listed all the same."""
    facts = listed(unpacked_size=size)
    (told,) = wanted(builds=[]).told(facts, DATA)
    assert (told["name"], told["unpacked_size"]) == (NAME, None)
    assert less(wanted(builds=[]), facts) == set()


@pytest.mark.parametrize("percent", [-1, 100.1, float("inf"), float("nan")])
def test_what_is_no_part_of_an_archive(percent):
    with pytest.raises(OptionsError, match="it is a number from 0 to 100"):
        wanted(unpacked_percent=percent)


@pytest.mark.parametrize("count", [990, None])
def test_what_has_nearly_as_much_as_its_archive_or_was_not_counted(count):
    facts = listed()
    facts["builds"][0]["bytes"] = count
    assert less(wanted(builds=[]), facts) == set()


def test_what_lies_elsewhere_than_on_the_share_is_compared_with_no_list():
    for more in ({"import_dir": f"{DATA}/VRay/import"}, {"mount": None}, {"mount": share(readable=False)}):
        facts = {**listed(), **more}
        assert less(wanted(builds=[build(NAME)]), facts) == set()
        assert wanted(builds=[build(NAME)]).told(facts, DATA)[0]["unpacked_size"] is None
    assert less(wanted(builds=[build(NAME)]), listed(platform="Windows_x86")) == set()


HOSTILE = "{{ 1 + 1 }}{% raw %}\x1b[31m\x07\r\n\u202e"


@pytest.mark.parametrize("name", [f"../../{HOSTILE}", f"{HOSTILE}.tar"])
def test_names_in_the_list_of_a_share_are_data(name):
    entry = {"file": name, "platform": "Linux_x86", "channel": "stable", "version": NEW, "size": 5}
    facts = facts_of(mount=share(), import_dir=IMPORT, manifest=json.dumps([entry]), imports=[])
    (item,) = found(facts, builds=[])
    assert item["kind"] == "build"
    assert item["message"].isprintable() and "{{ 1 + 1 }}{% raw %}\\x1b[31m\\x07\\r\\n\\u202e" in item["message"]


def test_names_of_files_and_mounts_are_data():
    facts = facts_of(imports=[imported(HOSTILE, platform=None, kind="special")], errors={"busy": HOSTILE})
    items = found(facts)
    assert [item["kind"] for item in items] == ["unknown", "import"]
    # What is compared stays as it is.
    assert items[1]["subject"] == HOSTILE
    assert all(item["message"].isprintable() for item in items)


def test_a_list_with_an_odd_version_is_refused_in_harmless_words():
    entry = {"file": "a.tar", "platform": "Linux_x86", "channel": "stable", "version": f"../{HOSTILE}"}
    with pytest.raises(VersionError) as caught:
        found(facts_of(mount=share(), import_dir=IMPORT, manifest=json.dumps([entry])), builds=[])
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        "no JSON",
        "{}",
        "[1, {}]",
        "[" * 200000,
        '[{"file": "a", "platform": "Linux_x86", "channel": "stable", "size": "5"}]',
    ],
)
def test_a_share_without_a_list_is_taken_at_its_word(manifest):
    imports = [imported(f"vray-{OLD}.tar"), imported(NAME), imported("x", "Windows_x86")]
    facts = facts_of(mount=share(), import_dir=IMPORT, manifest=manifest, imports=imports)
    assert [item for item in kinds(facts, builds=[]) if item[0] == "build"] == [("build", NAME)]


def test_a_local_import_directory_says_nothing_about_what_is_wanted():
    facts = facts_of(imports=[imported(NAME)], mount=share())
    assert found(facts, builds=[]) == []


def test_the_room_for_what_is_missing():
    disk = {"temp": 0, "data": 1_200_000_000, "import": 0}
    facts = facts_of(mount=share(), import_dir=IMPORT, imports=[imported(NAME, size=600_000_000)], disk=disk)
    assert [item["message"] for item in found(facts, builds=[]) if item["kind"] == "disk"] == [
        f"{DATA} has 1.2 GB free, 1.8 GB are needed: 3 times the size of the builds to come, as vray_swarm_disk_factor"
        " (wanted.disk_factor) says."
    ]
    assert "disk" not in dict(kinds(facts, builds=[], disk_factor=2))
    assert "disk" in dict(kinds(facts_of(disk=disk), builds=[build(size=600_000_000)]))
    # What is deployed needs no more.
    facts["builds"] = [{"version": NEW, "directory": "", "files": 1, "bytes": 1}]
    assert found(facts, builds=[]) == []


@pytest.mark.parametrize(
    "value, directory",
    [
        ("/mnt/vray/stable/{platform}", "/mnt/vray/stable/{platform}"),
        ("\\\\nas\\vray\\stable", "\\\\nas\\vray\\stable"),
        ("D:\\import", "D:\\import"),
    ],
)
def test_where_the_peer_will_import_from(value, directory):
    """The look goes there, since that is what counts when the setting is changed."""
    assert wanted(settings={"vrayImportDir": value}).import_dir == directory
    assert wanted().import_dir is None


@pytest.mark.parametrize("value", ["import", "~/import", "./import"])
def test_a_relative_path_is_none_to_import_from(value):
    with pytest.raises(OptionsError, match=r"vrayImportDir is .*import.*; it has to be an absolute path"):
        wanted(settings={"vrayImportDir": value}).import_dir  # noqa: B018
