# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is taken for a secret, and what is not."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from ansible_collections.renderops.vray_swarm.plugins.module_utils._secret_names import is_secret
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._secrets import (
    masked_text,
    masked_urls,
    masked_values,
)
from ansible_collections.renderops.vray_swarm.plugins.plugin_utils._yaml_edit import edit, masked

PATH = "/etc/swarm/swarm.yaml"
M = "********"
SECRET_NAMES = """
    password Password dbPassword DB_PASSWORD passwd mypasswd passWord pass-phrase passcode token apitoken authToken
    token2 clientSecret secrets credential awsCredentials cred key keys apiKey API_KEY private-key privatePem
    pass dbPass DB_PASS smtp.pass pwd pw userPw auth proxy_auth proxyAuth basic-auth oauth authorization Authorization
    psk wifiPSK cookie sessionCookies bearer jwt X-Amz-Signature sig
""".split()
OTHER_NAMES = """
    passThrough pass_through author authors authority compass bypassWindow passes keyframes keyFile webPort pwned powder
    vrayImportDir cookiecutterDir monkeyBusiness design sigma host user username level privy tokyo
""".split()


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_that_say_it(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_names_that_do_not(name):
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:pw@proxy:3128", f"http://user:{M}@proxy:3128"),
        ("http://:pw@proxy", f"http://:{M}@proxy"),
        ("smb://a:b:c@d@nas/x, http://u:p@h/y", f"smb://a:{M}@nas/x, http://u:{M}@h/y"),
        ("http://user:p/w@proxy", f"http://user:{M}@proxy"),
        ("user:pw@proxy:3128", f"user:{M}@proxy:3128"),
        ("//user:pw@nas/x, a", f"//user:{M}@nas/x, a"),
        ("//user:p/w@nas/x", f"//user:{M}@nas/x"),
        (r"\\user:p@w@nas\x", rf"\\user:{M}@nas\x"),
        (r"\\\\user:pw@nas\\x", rf"\\\\user:{M}@nas\\x"),
        ("http://h/x?a=1&token=T&b=2", f"http://h/x?a=1&token={M}&b=2"),
        ("http://u:p@h/?password=T", f"http://u:{M}@h/?password={M}"),
        ("http://h/#access_token=T", f"http://h/#access_token={M}"),
        ("run --token T --port 5", f"run --token {M} --port 5"),
        ("run --token=T --port 5", f"run --token={M} --port 5"),
        ("run --token 'a -b' --port 5", f"run --token {M} --port 5"),
        ('run -dbPass "T', f"run -dbPass {M}"),
        ("run /password:T", f"run /password:{M}"),
        ("# args: [--token, T, --port, 5]", f"# args: [--token, {M} --port, 5]"),
        ("DB_PASS=a b", f"DB_PASS={M}"),
        ("Server=x;Password=a#b;", f"Server=x;Password={M}"),
        ("Authorization: Bearer T", f"Authorization: {M}"),
        ('{"token":"T"}', f'{{"token":{M}'),
    ],
)
def test_what_is_secret_in_a_text(text, shown):
    assert masked_text(text) == shown
    assert masked_text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://proxy:3128",
        "http://user@proxy:3128",
        "http://nas:8080/a@2x.png",
        "http://[fe80::1]:80/x@y",
        "http://auth.farm.example:8080/token/x",
        "token-server:8080",
        r"C:\keys\a@b",
        r"\\nas\pass\x",
        r"\\nas\vray\a@2x",
        "//nas:445/vray@2x",
        "//nas/a:b/c@d",
        "//user@nas/x",
        "/etc/keys/token",
        "http://h/?author=x&compass=y&token=",
        "--pass-through --author joe",
        "the token of the farm",
        "12:30",
    ],
)
def test_what_is_not_secret_in_a_text(text):
    assert masked_text(text) is text


def test_settings():
    given_settings = {
        "proxy": "http://joe:T@proxy:3128",
        "args": ["--token", "T", "--port", 5, "--auth=T --x", "--pass", 4711],
        "auth": {"user": "T", "on": True, "none": None},
        5: ["T", {"authToken": "T"}],
    }
    assert masked_values(given_settings) == {
        "proxy": f"http://joe:{M}@proxy:3128",
        "args": ["--token", M, "--port", 5, f"--auth={M}", "--pass", M],
        "auth": {"user": M, "on": True, "none": None},
        5: ["T", {"authToken": M}],
    }


def test_the_passwords_of_urls_alone():
    assert masked_urls("no key: http://joe:T@h, joe:T@h") == f"no key: http://joe:{M}@h, joe:{M}@h"
    text = "no key: http://h:80/x@y"
    assert masked_urls(text) is text


def test_a_long_text_takes_no_long_time():
    started = time.monotonic()
    for text in (
        "a:" * 20000,
        "a:," * 10000,
        "http://" * 5000,
        "--token " * 5000,
        "?token=" * 5000,
        "\"'" * 20000,
        "x" * 50000,
    ):
        masked_text(text)
    assert time.monotonic() - started < 5


# Wherever a secret stands, it is not shown, neither in a result nor in a diff, and what is not secret is.

# What can be written in a URL, and what no other text here holds.
SECRETS = st.text("abc%+-._~!$'()*,;=:", min_size=1, max_size=8).map(lambda text: f"Q{text}Z")
PLACES = [
    "http://joe:{}@proxy:3128/x",
    "http://h/x?a=1&dbPass={}",
    "--dbPass={}",
]


@st.composite
def hidden(draw, secret):
    """Settings with a secret in them."""
    name, other = draw(st.sampled_from(SECRET_NAMES)), draw(st.sampled_from(OTHER_NAMES))
    kind = draw(st.sampled_from(["key", "below", "items", "option", "text", "item"]))
    place = draw(st.sampled_from(PLACES)).format(secret)
    return {
        "key": {name: secret},
        "below": {name: {other: {other: [secret]}}},
        "items": {other: {name: ["x", secret]}},
        "option": {other: ["--x", f"--{name}", secret]},
        "text": {other: place},
        "item": {other: ["x", place]},
    }[kind]


@examples(300)
@given(st.data(), SECRETS, st.sampled_from([None, "'", '"', "|", ">"]), st.sampled_from([20, 80]), st.booleans())
def test_no_secret_is_shown(data, secret, style, width, flow):
    settings = data.draw(hidden(secret))
    told = dict(settings, number=1113)
    text = yaml.safe_dump(told, default_style=style, width=width, default_flow_style=flow)
    shown = masked(text.encode(), PATH)
    for each in (shown, repr(masked_values(told))):
        assert secret not in each.replace("\n", "") and M in each
    assert "1113" in shown
    commented = masked(f"# {next(iter(settings))}: {next(iter(settings.values()))}\n".encode(), PATH)
    assert secret not in commented


@examples(200)
@given(st.data(), SECRETS, SECRETS)
def test_no_mask_hides_a_change(data, one, other):
    template = data.draw(hidden("QxZ"))
    before, after = (_replaced(template, secret) for secret in (one, other))
    content = yaml.safe_dump(dict(before, anotherToken="same", number=1)).encode()
    edited = edit(content, PATH, after)
    assert edited.changed == (one != other)
    shown = [masked(content, PATH), masked(edited.content, PATH, content)]
    assert (shown[0] != shown[1]) == edited.changed
    assert other not in shown[1]
    assert f"anotherToken: {M}\n" in shown[1]


def _replaced(value, secret):
    if isinstance(value, dict):
        return {key: _replaced(item, secret) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, secret) for item in value]
    return value.replace("QxZ", secret)


@examples(200)
@given(
    st.recursive(st.text(max_size=12) | st.integers() | st.booleans() | st.none(), st.lists, max_leaves=6), st.text()
)
def test_any_value(value, text):
    """Nothing makes it crash, and what is masked once is as it was masked twice."""
    once = masked_values({"x": value, text: value})
    assert masked_values(once) == once
