#!/usr/bin/python

# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: upload
short_description: Upload a V-Ray build to a V-Ray Swarm peer
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Sends one V-Ray build, an archive or an installer, to one peer's C(POST /api/vray/upload) and returns the parsed answer.
  - The file is streamed from the disk. Memory use does not depend on its size.
  - Nothing is sent that the peer has, where O(data_dir) lets the task see it.
  - Before a build is sent, C(GET /debug/allowExecutables) must be answered as Swarm does, since other products listen on
    port 1113, too.
  - The vendor documents both endpoints on the page "Script Distribution". It names no HTTP status, so the key of the JSON
    answer alone decides.
options:
  src:
    description:
      - The path of the build. It keeps its file name, also that of a symbolic link, which must not hold a semicolon.
      - A relative path is looked for as M(ansible.builtin.copy) does, in C(files/) of the role and next to the playbook.
      - With O(remote_src=true) it is a path on the host of the task.
    type: path
    required: true
  remote_src:
    description:
      - Whether O(src) is on the host of the task instead of on the controller. The host then sends the build itself.
      - The default of O(peer) is V(localhost) then. With another O(peer), or in a task that is delegated to it, the host
        is a relay.
      - A Windows host sends it with the C(curl.exe) that Windows has. There, O(stall_timeout) and O(progress_interval) mean
        nothing. A limit for a stall would end the wait for the answer as well, so O(deploy_timeout) is the limit for both.
      - In all, that C(curl.exe) may run for O(connect_timeout), the time that the build takes at 16 KiB per second or at half
        of O(rate_limit), whatever is slower, and O(deploy_timeout) together. So it ends, even if the peer never does.
      - A Windows host holds the build open meanwhile, so that no other program can write to it, rename or remove it. One
        that another program has open for writing is refused. Where that cannot be relied on, which is on a share, on no
        fixed drive, and behind a symbolic link or a junction, the build is copied into the temporary directory of Ansible
        on the host first, which has to have room for it.
      - A share (UNC path) is read as LocalSystem there, unless the task becomes another user, since whoever logs in over
        the network cannot go on to a share.
    type: bool
    default: false
  queued:
    description:
      - If V(false), the peer deploys the build before it answers (the vendor calls this rapid).
      - If V(true), the peer stores the build in its import directory, answers, and deploys it some seconds later.
      - An archive of which neither O(version) nor its name tells the version is sent as with V(false) where O(awaited) has
        left its mark in an earlier task, since only that answer tells what became of it.
    type: bool
    default: false
  awaited:
    description:
      - Whether another task waits until Swarm has deployed what is O(queued). An empty directory
        C(.vray_swarm-<version>.awaited) is then made in O(data_dir) before the build is sent, and stays there. Who waits removes
        it, and knows by it, also in a later run, that nobody has seen yet whether the build was deployed to its end.
      - Where no version is known, a hash of the file's name stands for it. While that mark is there, an archive is sent again
        with O(awaited), also when it lies in the import directory. What may not be sent, or nobody waits for, is not; of that
        the task warns.
      - An installer of which no version is known is refused, since Swarm cannot tell that it ran already, and so could not be
        asked.
    type: bool
    default: false
  version:
    description:
      - The version that the build must have, as in V(6.20.10-e8197af2). The task fails when the peer deploys another one.
      - Without it, the version is taken from the file name, where that has one.
    type: str
  data_dir:
    description:
      - Swarm's data directory on the peer, the directory that holds C(VRay/). The vendor does not publish where it is.
      - With it, the host of the task is looked at first, which has to be the peer itself.
      - The build is RV(outcome=present) when it is deployed there as
        C(VRay/vray-<version>), or when the import directory, if that is not shared, holds the same file.
      - With O(version) and without O(queued), such a file is not enough where that version is not deployed. An archive is sent
        again, so that the peer tells what it is, and the task fails as the first one did. An installer would run again, and
        may put the build elsewhere, so that it is not sent, and there is a warning.
      - Where the import directory holds a file of the build's name and of another size, there is a warning, and
        RV(deployed=unknown).
      - Before a build is sent, an empty directory is made there, C(.vray_swarm-<version>.sending), or one with a hash of the
        file's name where no version is known. It is removed when the peer has answered, or cannot have accepted the build,
        and stays where the answer names another size than the build has. A later task that finds it knows that nobody heard
        that the upload ended well. It takes what is deployed for the whole only where the import directory, if that is not
        shared, holds a file of the build's size, which Swarm keeps there after success, and removes the mark then. Else it
        fails with RV(obstacle=unanswered), unless O(force=true). The mark stays then until Swarm has taken the build anew.
        Where no version is known, the build is sent first, and the answer tells what to look at.
      - Where the import directory is shared, and O(allow_shared_import=false), nothing could be sent. Such a task is ok, with a
        warning, and RV(deployed=unknown).
      - So the task must be able to write to that directory, by C(become) for example. Where it cannot, there is a warning,
        and the build is sent all the same.
      - Needed for installers, unless O(force=true).
  config:
    description:
      - The path of C(swarm.yaml) on the peer. Its C(webPort) and C(vrayImportDir) are taken from there.
      - The vendor does not publish where it is.
  service:
    description:
      - The name of Swarm's service on a Windows host, and not its display name. An import directory on a share is read as the
        account of the service then, as M(renderops.vray_swarm.peer_info) does it; else as LocalSystem.
      - It has no effect on other hosts.
    type: str
  checksum:
    description:
      - The SHA-256 checksum that O(src) must have, as in V(sha256:9f86d0…), all 64 hexadecimal digits.
      - It is computed once per run of a playbook, not once per host, and only if something is to be sent.
      - A build with it may not be changed, renamed, linked or removed until it was sent, or the upload is broken off. Without
        it, what was opened is sent to its end, also where another file takes its place meanwhile.
    type: str
  stall_timeout:
    description:
      - The upload fails when no byte has moved for this many seconds. An upload that moves, however slowly, goes on.
    type: float
    default: 60
  deploy_timeout:
    description:
      - How long to wait for the answer after the last byte of the build, in seconds.
      - In rapid mode, the peer deploys the build in that time.
    type: float
    default: 1800
  retries:
    description:
      - How often to try again where the peer cannot have accepted the build. V(0) tries once.
      - An upload is never repeated when the peer had got all of it, nor after an answer.
    type: int
    default: 3
  retry_delay:
    description:
      - How long to wait before the first retry, in seconds. It doubles with each, up to 120 seconds.
    type: float
    default: 5
  rate_limit:
    description:
      - The most bytes to send in a second. V(0) sends as fast as the network allows.
    type: int
    default: 0
  progress_interval:
    description:
      - Print a line about the progress each time that this many seconds have passed. V(0) prints none.
      - Not with O(remote_src=true), since a module cannot print while it runs.
    type: float
    default: 10
  allow_shared_import:
    description:
      - Upload although the peer's import directory is read by other peers. It is taken for such a directory when it lies
        on a network file system, or when C(vrayImportDir) points out of O(data_dir). Without O(data_dir), only a path that
        ends in C(VRay/import) is taken for the peer's own.
      - Only noticed where O(data_dir) or O(config) is given.
    type: bool
    default: false
  allow_installers:
    description:
      - Whether an installer may be sent, where the peer allows executables. With V(false), one that the peer lacks is not
        sent to any peer, and the task fails with RV(obstacle=executables).
      - This is for tasks after which somebody opens a peer for the installer, and closes it again.
    type: bool
    default: true
  force:
    description:
      - Send the build without looking whether the peer has it, or a half of it. An installer then runs again.
    type: bool
    default: false
extends_documentation_fragment:
  - renderops.vray_swarm.attributes
  - renderops.vray_swarm.attributes.action_group
  - renderops.vray_swarm.peer
attributes:
  check_mode:
    support: full
    details:
      - Looks at the peer and asks it for C(allowExecutables), and sends nothing.
      - Whether the peer will answer that it has the build already is not known before it is sent.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - With O(data_dir) nothing is sent twice, but for an archive that is there and not deployed as O(version). Without, an
        archive is sent again and answered with RV(outcome=existing).
      - An installer whose version nobody knows is found by its file, in the import directory and in C(VRay/import) of
        O(data_dir). Where the import directory is shared, it is refused, unless O(force=true).
      - With O(force=true) the build is sent each time.
  platform:
    support: full
    platforms: posix, windows
    details:
      - A Windows host needs nothing but Windows itself, 10 1803 or Server 2019 for O(remote_src=true). What is proved of it and
        how, the README of the collection says.
      - A build on the controller can be sent to peers of any system, since nothing is done on the peer unless O(data_dir)
        or O(config) is given.
  action:
    support: full
  async:
    support: none
notes:
  - Swarm has neither TLS nor authentication. Whoever can reach the web port of a peer that allows executables can make it
    run a program.
seealso:
  - module: renderops.vray_swarm.build_info
  - module: renderops.vray_swarm.peer_info
"""

EXAMPLES = r"""
- name: Deploy a build from the controller
  renderops.vray_swarm.upload:
    src: vray-6.20.10-e8197af2.tar

- name: Deploy a build, and send nothing to peers that have it
  renderops.vray_swarm.upload:
    src: vray-6.20.10-e8197af2.tar
    data_dir: /var/lib/swarm

- name: Run an installer on peers that allow executables, once
  renderops.vray_swarm.upload:
    src: vraystd_adv_71000_rhel8_clang-gcc-11.2
    version: 7.10.0-0a1b2c3d
    data_dir: /var/lib/swarm

- name: Let each peer send itself a build that lies on its disk
  renderops.vray_swarm.upload:
    src: /mnt/builds/vray-6.20.10-e8197af2.tar
    remote_src: true

- name: Leave half of a 1 Gbit/s line to others
  renderops.vray_swarm.upload:
    src: vray-6.20.10-e8197af2.tar
    rate_limit: 62500000
"""

RETURN = r"""
outcome:
  description:
    - What became of the build.
    - V(rapid) and V(queued) are changes. V(existing), the peer answered that it has this version, and V(present), nothing
      was sent since the task saw the build on the peer, are none.
  type: str
  returned: always
  choices: [rapid, queued, existing, present, failed]
  sample: rapid
deployed:
  description:
    - Whether the build is deployed, so that the peer can render with it. V(true), V(false), or the text V(unknown) where
      nothing tells.
  type: raw
  returned: always
  sample: true
answer:
  description:
    - The JSON object that the peer answered, as received, but for the password of a URL in it, which is masked.
    - As in all that is returned, characters that a terminal would obey are shown as texts such as C(\x1b), but for
      tabs and line breaks.
  type: dict
  returned: always, V(null) when there was no answer
  sample:
    RapidUR:
      deployedInDirectory: /var/lib/swarm/VRay/vray-6.20.10-e8197af2
      takenSeconds: 6
      tmpFile: /tmp/servant-multipart4711-1.buf
      uploadedFileSize: 458321016
      uploadedVrayVersion:
        _revHash: e8197af2
        _ver: {_major: 6, _minor: 20, _release: 10}
version:
  description: The version string of the build, from the answer, O(version) or the file name.
  type: str
  returned: always, V(null) when none is known
  sample: 6.20.10-e8197af2
deployed_in_directory:
  description: Where the peer deployed the build.
  type: str
  returned: always, V(null) unless it is known
  sample: /var/lib/swarm/VRay/vray-6.20.10-e8197af2
queued_as:
  description: Where the peer queued the build, or where it was found in the import directory and is not known to be deployed.
  type: str
  returned: always, V(null) unless RV(outcome=queued), or RV(outcome=present) for such a build
uploaded_file_size:
  description: The bytes that the peer says it got. It is compared with the size of the build.
  type: int
  returned: always, V(null) unless the peer says it
  sample: 458321016
tmp_file:
  description: The peer's temporary file.
  type: str
  returned: always, V(null) when there was no answer
taken_seconds:
  description: The seconds that the deployment took, as the peer says.
  type: int
  returned: always, V(null) unless RV(outcome=rapid)
message:
  description: What the peer says about a failure, or about a build that exists.
  type: str
  returned: always, V(null) unless the peer says something
  sample: V-Ray version already exists
bytes_sent:
  description:
    - The bytes of the build that were sent, in the last attempt.
    - V(null) if that is not known, since C(curl.exe) on a Windows host was ended or the connection to the host was lost.
  type: int
  returned: always
  sample: 458321016
elapsed:
  description: The seconds that the whole task took.
  type: float
  returned: always
  sample: 9.125
attempts:
  description: How often it was tried to send the build.
  type: int
  returned: always
  sample: 1
http_status:
  description: The HTTP status of the answer. Nothing depends on it.
  type: int
  returned: always, V(null) when there was no answer
  sample: 200
url:
  description: Where the build was sent, or would have been.
  type: str
  returned: always, V(null) when it did not come to that
  sample: http://10.0.0.7:1113/api/vray/upload
obstacle:
  description:
    - What alone stands in the way, where that is a setting or the state of the peer. V(executables), the build is an
      installer and the peer does not allow executables, or O(allow_installers=false). V(shared_import), other peers read its
      import directory. V(unanswered), what is deployed may be a half, since an upload of it was begun, and nobody heard
      that it ended well. V(damaged), Swarm has taken the build, and says that it stored another size than it has; with
      O(data_dir), and where its version is known, the next task fails with V(unanswered) then.
    - The task fails then, and nothing was sent but with V(damaged), and with V(unanswered) where no version was known before.
  type: str
  returned: always, V(null) when nothing stands in the way, or something else does
  choices: [executables, shared_import, unanswered, damaged]
unanswered:
  description:
    - Whether an upload of this version was begun before, and nobody heard that it ended well, so that Swarm may have died
      since.
  type: bool
  returned: always
awaited:
  description:
    - Whether this version, or a build of this name whose version was not known, is to be deployed from the import directory,
      and nobody has seen yet that it was, by the mark that O(awaited) describes. The role
      P(renderops.vray_swarm.builds#role) sees whether the build is whole.
  type: bool
  returned: always
deployed_before:
  description: The version strings of the builds that the peer had deployed before anything was sent.
  type: list
  elements: str
  returned: always, V(null) unless the task looked into O(data_dir)
  sample: [6.20.06-c5a1b0f3]
allows_executables:
  description:
    - Whether the peer allows executables. It does when its C(swarm.yaml), for which O(config) is needed, or its answer says
      so. A peer that has the build is not asked.
  type: bool
  returned: always, V(null) when the task saw neither
  sample: false
msg:
  description: What happened in one sentence; on failure, with the peer, the URL, what was sent, what came back and what to do.
  type: str
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import upload_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._upload_module import run


def main() -> None:
    run(AnsibleModule(argument_spec=upload_spec(), supports_check_mode=True))


if __name__ == "__main__":
    main()
