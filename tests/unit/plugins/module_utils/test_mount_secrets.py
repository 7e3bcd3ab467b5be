# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is secret in a source and in options of a mount, and what is not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples

from ansible_collections.renderops.vray_swarm.plugins.module_utils._mount_secrets import (
    holds_password,
    masked_options,
    masked_source,
)


@pytest.mark.parametrize(
    "source, told",
    [
        ("//render:geheim@nas/vray", "//render:***@nas/vray"),
        (r"\\render:geheim@nas\vray", r"\\render:***@nas\vray"),
        ("//render:ge/heim@nas/vray", "//render:***@nas/vray"),
        ("//render:ge@heim@nas/vray", "//render:***@nas/vray"),
        ("//FARM;render:geheim@nas/vray", "//FARM;render:***@nas/vray"),
        ("//render@farm.example:geheim@nas/vray", "//render@farm.example:***@nas/vray"),
        ("//:geheim@nas/vray", "//:***@nas/vray"),
        ("https://render:geheim@nas:8080/dav", "https://render:***@nas:8080/dav"),
        ("davfs#https://render:geheim@nas/dav", "davfs#https://render:***@nas/dav"),
        ("redis://:geheim@h1:6379,h2:6379/1", "redis://:***@h1:6379,h2:6379/1"),
        ("render:geheim@nas:/vray", "render:***@nas:/vray"),
        ("render:ge/heim@nas:/vray", "render:***@nas:/vray"),
        ("render:ge@heim@nas:vray", "render:***@nas:vray"),
        ("render@farm.example:geheim@nas:/vray", "render@farm.example:***@nas:/vray"),
        ("render:geheim@[fe80::1]:/vray", "render:***@[fe80::1]:/vray"),
        ("curlftpfs#render:geheim@nas/vray", "curlftpfs#render:***@nas/vray"),
        (":s3,secret_access_key=ge/heim:vray", ":s3,secret_access_key=***:vray"),
        (":s3,access_key_id=a,secret-access-key=geheim:vray", ":s3,access_key_id=a,secret-access-key=***:vray"),
        (":webdav,bearer_token=geheim:x", ":webdav,bearer_token=***:x"),
        (":sftp,key_file=/k,key_file_pass=geheim:x", ":sftp,key_file=/k,key_file_pass=***:x"),
        (":sftp,key_pem=geheim:x", ":sftp,key_pem=***:x"),
        (":smb,pass=ge:heim,user=render:x", ":smb,pass=***,user=render:x"),
        (':smb,pass="ge,heim":x', ":smb,pass=***:x"),
        (':smb,pass="ge:""heim,=",user=render:x', ":smb,pass=***,user=render:x"),
        (":smb,pass='ge,heim':x", ":smb,pass=***:x"),
        (':smb,pass="geheim:x', ":smb,pass=***"),
        (":webdav,url='https://nas/?token=geheim':x", ":webdav,url='https://nas/?token=***:x"),
        (":webdav,url=https://render:geheim@nas:x", ":webdav,url=https://render:***@nas:x"),
        ("share,pass=geheim:vray", "share,pass=***:vray"),
    ],
)
def test_a_source_with_a_password(source, told):
    assert masked_source(source) == masked_source(told) == told
    assert holds_password(source, "ro")


ORDINARY = r"""
    //nas/vray //nas.example/vray$ \\nas\vray //render@nas/vray //nas/dir@2x/vray //nas/a:b/c@d //nas:445/dir@2x
    //[fe80::1]/a:b@c //nas/compass=north //nas/pass=north https://nas:8080/a@2x https://render@nas/dav
    nas:/export/vray nas:/a@b:c nas://export/a@2x [fe80::1]:/vray nas@tank:/vol render@nas:/vray render@nas:dir@2x
    render@farm.example:/vray nas1:/a,nas2:/b@c server1,server2:/vol mon1:6789,mon2:6789:/a@2x admin@0a1b.cephfs=/
    share:vray share:vray/a@2x :sftp,host=nas,user=render:/vray :sftp,key_file=/k,known_hosts_file=/h:x
    :sftp,ask_password=false:x :webdav,url=https://nas,bearer_token_command=/usr/bin/ask:x :s3,access_key_id=a:vray
    UUID=0a1b LABEL=a@b tank/vray@snapshot /dev/mapper/a:b@c C:\a@b curlftpfs#nas
""".split()


@pytest.mark.parametrize("source", [*ORDINARY, "", "nas:/srv/v ray", "//nas/v pass=x", "map auto_home"])
def test_an_ordinary_source(source):
    assert not holds_password(source, "ro")
    assert masked_source(source) == source


@pytest.mark.parametrize(
    "options, told",
    [
        ("ro,password=geheim,vers=3", "ro,password=***,vers=3"),
        ("PASS=geheim,ro", "PASS=***,ro"),
        ("password2=geheim", "password2=***"),
        ("pass2=geheim", "pass2=***"),
        ("smbpass=geheim", "smbpass=***"),
        ("smb-pass=geheim", "smb-pass=***"),
        ("s3-secret-access-key=geheim", "s3-secret-access-key=***"),
        ("secret_access_key=geheim", "secret_access_key=***"),
        ("webdav-bearer-token=geheim", "webdav-bearer-token=***"),
        ("env.RCLONE_CONFIG_SHARE_PASS=geheim", "env.RCLONE_CONFIG_SHARE_PASS=***"),
        ("name=a,secret=geheim==", "name=a,secret=***"),
        ('header="Authorization,Bearer geheim",ro', "header=***,ro"),
        ("user=render:geheim,ro", "user=render:***,ro"),
        ("username=FARM/render%geheim", "username=FARM/render%***"),
        ("proxy_user=render:geheim", "proxy_user=render:***"),
        ("webdav-url=https://render:geheim@nas,ro", "webdav-url=https://render:***@nas,ro"),
        ("url=https://nas/?token=geheim", "url=https://nas/?token=***"),
        ("credentials=render:geheim", "credentials=***"),
        ('pass="ge,heim",ro', "pass=***,ro"),
        ("password='ge,heim',ro", "password=***,ro"),
        ("password=ge,,heim,ro", "password=***,ro"),
        ('pass="geheim,ro', "pass=***"),
        ('x="a,pass=geheim"', 'x="a,pass=***'),
    ],
)
def test_options_with_a_password(options, told):
    assert masked_options(options) == masked_options(told) == told
    assert holds_password("//nas/vray", options)
    # Wherever they stand.
    assert holds_password("//nas/vray", f"ro,{options}")


@pytest.mark.parametrize(
    "options",
    """
    ro,credentials=/etc/vray_swarm.credentials,_netdev,nofail,x-vray_swarm cred=/etc/x,guest credentials=x
    sec=krb5,multiuser,vers=3.1.1,uid=1000,gid=render,seal,cruid=0,domain=FARM,snapshot=@GMT-2024.01.01
    nopass,nopass=1,password,password_stdin,passfile=/etc/x,passwd_file=/etc/x secretfile=/etc/ceph,name=a
    user=render username=FARM\\render user=render@farm.example,url=http://nas:8080,uid=0
    IdentityFile=/root/.ssh/key,PasswordAuthentication=no,NumberOfPasswordPrompts=0,PreferredAuthentications=password
    xprtsec=mtls,cert_serial=1,privkey_serial=2 bearer-token-command=/usr/bin/ask,auth_url=https://nas,auth-version=3
    mon_addr=1.2.3.4:6789/5.6.7.8:6789 x-systemd.requires=token.service,compass=a,bypass=b,author=c
    ProxyJump=render@gate:22,workaround=all lowerdir=/a:/b@c,X-mount.idmap=u:0:1000:1 context="system_u:object_r:x:s0"
    """.split(),
)
def test_ordinary_options(options):
    assert not holds_password("//nas/vray", options)
    assert masked_options(options) == options


@pytest.mark.parametrize("secret", ["***", "********", ""])
def test_a_password_that_looks_like_a_mask_is_one(secret):
    assert holds_password("//nas/vray", f"password={secret}")
    assert holds_password(f"//render:{secret}@nas/vray", "ro")


# What it holds is in no other text here. It may hold what separates, where that is quoted.
SECRETS = st.text("abc%+-._~!$()*;@/ ", min_size=1, max_size=8).map(lambda text: f"Q{text}Z")
QUOTED = st.text("abc%+-._~!$'()*,;=:@/ ", min_size=1, max_size=8).map(lambda text: f"Q{text}Z")
NAMES = """
    password passwd pass pass2 password2 smb-pass ftp_pass secret client_secret secret_access_key s3-secret-access-key token
    bearer_token webdav-bearer-token key_file_pass account-key api_key auth psk PASSWORD dbPass passphrase
""".split()
SOURCES = ["//render:{}@nas/vray", r"\\render:{}@nas\vray", "https://render:{}@nas/vray", "render:{}@nas:/vray"]


@examples(300)
@given(
    SECRETS, st.sampled_from(SOURCES), st.sampled_from(NAMES), st.sampled_from([":x,a=b,{}={}:vray", "y,{}={},a=b:c"])
)
def test_no_password_of_a_source_is_shown(secret, source, name, named):
    for text in (source.format(secret), named.format(name, secret)):
        assert holds_password(text, "ro")
        shown = masked_source(text)
        assert "Q" not in shown and "Z" not in shown and shown == masked_source(shown), shown


@examples(300)
@given(SECRETS, QUOTED, st.sampled_from(NAMES), st.lists(st.sampled_from(["ro", "vers=3", "uid=0"])), st.data())
def test_no_password_of_options_is_shown(secret, quoted, name, others, data):
    value = data.draw(st.sampled_from([secret, f'"{quoted}"']))
    place = data.draw(st.integers(0, len(others)))
    shown = masked_options(",".join([*others[:place], f"{name}={value}", *others[place:]]))
    assert shown == ",".join([*others[:place], f"{name}=***", *others[place:]])
    assert holds_password("//nas/vray", f"{name}={value}")


@examples(300)
@given(st.text("abQ/\\:@,=\"'[]%?#. ***", max_size=20))
def test_any_text(text):
    """Nothing makes it crash, and what is masked once is as it was masked twice."""
    for mask in (masked_source, masked_options):
        assert mask(mask(text)) == mask(text)


def test_a_long_text_takes_no_long_time():
    started = time.monotonic()
    for part in ("//a:", "a:b@", "a=,", "pass=", '"', "'", "a:", ",", "@", "a", "pass=:", '="'):
        masked_source(part * 2000)
        masked_options(part * 2000)
    assert time.monotonic() - started < 5
