# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The block of group_vars can be pasted: it is YAML, and says what was found."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._group_vars import group_vars


class Loader(yaml.SafeLoader):
    """Knows what Ansible's loader knows."""


Loader.add_constructor("!unsafe", lambda loader, node: ("unsafe", loader.construct_scalar(node)))


def load(text):
    return yaml.load(text, Loader=Loader)  # noqa: S506


def finding(value, sure=True, how="so"):
    return {"value": value, "sure": sure, "how": how}


def candidate(**findings):
    known = {
        "pid": 40,
        "executable": "/opt/swarm",
        "user": "render",
        "notes": [],
        "web_port": [finding(1113)],
        "service": [finding("swarm")],
        "config": [finding("/etc/swarm.yaml")],
        "data_dir": [finding("/var/lib/swarm")],
        "import_dir": [],
    }
    known.update(findings)
    return known


def block(*candidates, unseen=(), platform="Linux_x86"):
    return group_vars({"candidates": list(candidates), "unseen": list(unseen), "web_port": 1113}, platform)


def test_the_block():
    assert block(candidate(data_dir=[finding("/var/lib/swarm", False, "it holds VRay/")])) == (
        "# process 40 (/opt/swarm) of the user render\n"
        "vray_swarm_web_port: 1113  # found: so\n"
        "vray_swarm_service: swarm  # found: so\n"
        "vray_swarm_config: /etc/swarm.yaml  # found: so\n"
        "vray_swarm_data_dir: /var/lib/swarm  # guess: it holds VRay/\n"
        "vray_swarm_platform: Linux_x86  # found: this host's kernel\n"
    )


def test_what_is_missing_is_said():
    text = block(candidate(service=[], config=[], data_dir=[]), unseen=["its open files\n(become?)"], platform=None)
    assert load(text) == {"vray_swarm_web_port": 1113}
    for name in ("service", "config", "data_dir"):
        assert "# vray_swarm_%s:  # not found: " % name in text
    assert text.endswith("# not seen: its open files\\n(become?)\n")


def test_all_candidates_are_shown_and_one_is_set():
    text = block(
        candidate(config=[finding("/a/swarm.yaml"), finding("/b/swarm.yaml", False)]),
        candidate(pid=None, executable=None, notes=["nothing is known"], service=[], web_port=[finding(4711)]),
    )
    assert load(text) == {
        "vray_swarm_web_port": 1113,
        "vray_swarm_service": "swarm",
        "vray_swarm_config": "/a/swarm.yaml",
        "vray_swarm_data_dir": "/var/lib/swarm",
        "vray_swarm_platform": "Linux_x86",
    }
    assert "# vray_swarm_config: /b/swarm.yaml  # guess: so\n" in text
    assert (
        "# an unknown process of the user render\n# nothing is known\n# vray_swarm_web_port: 4711  # found: so\n"
        in text
    )


def test_nobody():
    text = block()
    assert load(text) is None
    assert "Nobody listens on port 1113" in text


@pytest.mark.parametrize(
    "value",
    [
        "/da ta/x",
        "/a: b",
        "/a #b",
        "/Zürich/données",
        "/quote\"s and 'others'",
        "/back\\slash",
        "/line\nbreak\ttab\x85\u2028\x7f\x1b[31m",
        "yes",
        "/a%b",
        "\\\\nas\\builds",
        "//nas/builds",
        "1",
        "",
        "@x",
        "/{a}",
    ],
)
def test_yaml_reads_the_same_value(value):
    text = block(candidate(config=[finding(value, how="of %s" % value)]))
    assert load(text)["vray_swarm_config"] == value
    assert all(char.isprintable() or char == "\n" for char in text)


@pytest.mark.parametrize("value", ["/{{ x }}", "/{% x %}", "/{# x #}"])
def test_ansible_reads_no_template(value):
    assert load(block(candidate(config=[finding(value)])))["vray_swarm_config"] == ("unsafe", value)


def test_a_path_that_is_not_utf_8():
    text = block(candidate(config=[finding("/x\udcff")]))
    assert "vray_swarm_config" not in load(text)
    assert "# vray_swarm_config:   # cannot be written, since it is not UTF-8; found: so\n" in text
