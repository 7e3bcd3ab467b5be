#!/usr/bin/python

# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: settings
short_description: Change settings of a V-Ray Swarm peer
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Changes keys of a peer's C(swarm.yaml). All that is not changed keeps its bytes, such as comments, order, quotes, spaces,
    line ends and a missing newline at the end of the file.
  - The new text is read again before it is written. When it does not say what was wanted, the task fails and the file stays.
  - A value that is there already is not written again, whatever its spelling. A key that is not there has the default that the
    vendor documents, for C(webPort) V(1113), C(mcastPort) V(1112), C(peersPort) V(1114), C(grpcPort) V(1115), C(vrayPort)
    V(20212), C(allowExecutables) V(false) and C(uploadsQueuePeriod) V(10).
  - Swarm reads its settings when it starts. With O(service), the task is one transaction on the peer. Swarm is stopped, the
    file is read again and written, Swarm is started, and must answer with what was set. Otherwise the old file comes back and
    Swarm is started with it.
options:
  path:
    description:
      - The path of C(swarm.yaml) on the host. The vendor does not publish where it is by default.
      - When it is a link, the file that it points to is changed. The link must belong to root, to the user of the task or to the
        owner of that file.
    type: path
    required: true
  settings:
    description:
      - The keys and the values that they must have. Mappings are merged with what is there. Lists replace what is there.
      - A key in a mapping is written as in C(swarm.yaml), not with a dot.
      - The values of keys such as C(password) or C(apiToken) are masked in all that the task tells, and so is the password
        in a URL, a parameter such as C(?token=) and an option such as C(--token). A diff says where one is another than before.
      - The values of keys that the vendor documents are checked. A text such as V("1114") is taken for the number.
    type: dict
    default: {}
  absent:
    description:
      - The keys that must not be there. A key in a mapping is named with dots, as in V(logging.web).
    type: list
    elements: str
    default: []
  absent_builds:
    description:
      - The versions of builds that must not be deployed, such as V(6.20.10-e8197af2). The directory of each,
        C(<data_dir>/VRay/vray-<version>), is removed with all that is in it, while Swarm is stopped.
      - This is for a build that is known to be damaged, since Swarm, and so this collection, takes a directory of this name for
        the build. A build in the import directory stays there, from where Swarm may deploy it again.
      - Nothing is removed while a build renders, as O(data_dir) says, even where Swarm is down, which is not started then. Such
        a task is ok, and returns RV(busy).
      - The marks C(.vray_swarm-<version>.*) go with it, by which later tasks know that nobody heard what became of an
        upload, or saw a build deployed.
      - Of a directory that is a link, or a junction, only that is removed. When something is mounted in the directory of a
        build, the task fails before it stops Swarm. On Windows, that is not looked for.
      - When a build cannot be removed, or only in part, the task fails. Swarm runs with its old settings then.
      - Swarm is down for as long as it takes. When that is longer than O(rescue_after), the host starts Swarm meanwhile.
      - Needs O(service) and O(data_dir).
    type: list
    elements: str
    default: []
  create:
    description:
      - Make the file when it is not there, with the mode C(0644). Its directory must be there.
    type: bool
    default: false
  backup:
    description:
      - Keep a copy of the old file beside it.
    type: bool
    default: false
  service:
    description:
      - The name of Swarm's service. The vendor does not publish it.
      - When nothing is to be changed, Swarm is not touched. It is started, though, when it is down.
      - When the task has C(allowExecutables), and the Swarm that runs answers otherwise than the file says, Swarm is restarted.
        Somebody changed the file by hand then, or changed it back. When it does not answer, there is a warning, and it is left
        alone.
      - The name of a unit of systemd, or on macOS the label of a daemon of launchd, whose file is in C(/Library/LaunchDaemons).
        With launchd, a stop unloads the daemon, and a start loads it, and enables it where launchd demands it. That was tested
        with a stand-in for C(launchctl), not on a Mac.
    type: str
  data_dir:
    description:
      - Swarm's data directory on the host, the directory that holds C(VRay/). The vendor does not publish where it is by default.
      - With it, Swarm is not stopped while it renders, which is while a process runs whose executable lies in
        C(<data_dir>/VRay/vray-*). The host looks immediately before the stop. Such a task is ok, changes nothing, and returns
        RV(busy). A Swarm that is down is started all the same, unless O(absent_builds) names a build that is there.
      - On Windows, a process in any directory that is named as a build is, such as C(vray-6.20.10-e8197af2), counts as a render,
        since a junction hides where the data directory lies. So does one of another Swarm on that host.
      - Without it, Swarm is stopped whether or not it renders.
    type: path
  busy_wait:
    description:
      - How long to wait for renders to end, in seconds. A line a minute tells that the task waits.
      - Needs O(data_dir).
    type: float
    default: 0
  start_timeout:
    description:
      - How long to wait for Swarm to start and to answer, in seconds.
    type: float
    default: 120
  stop_timeout:
    description:
      - How long to wait for Swarm to stop, in seconds. When that is not enough, nothing is written, and systemd starts Swarm
        again as soon as it has ended. On macOS, the host does so after O(rescue_after).
    type: float
    default: 120
  rescue_after:
    description:
      - Before Swarm is stopped, the host is told to start it by itself after this many seconds, with its old settings where it
        does not run with the new ones. At the end, this is taken back. So no peer stays down when the controller dies.
      - When the host restarts meanwhile, systemd puts the old settings back before Swarm starts. macOS begins to count anew, and
        Windows puts right at its start, or when it wakes up, what is not right then.
      - On Windows, this is a scheduled task. It tries for an hour, then each hour again, and at each start of the host,
        until it has done its work.
      - With systemd this is a unit in C(/etc/systemd/system), so that the task has to be root there.
      - It must be at least O(stop_timeout), twice O(start_timeout), O(connect_timeout) and 60 seconds together. When it has
        passed, a service that runs counts as proven for the host, and the old settings are not kept any longer.
    type: int
    default: 600
  revert_after:
    description:
      - With V(0), the change stays. Otherwise, the host takes it back by itself after this many seconds, also when the controller
        has died. It puts the old file back, and restarts Swarm if it runs. With O(data_dir), the restart waits for renders to
        end.
      - This is for a change that must not stay, such as C(allowExecutables) for the upload of one installer. Close it by another
        task with O(service) that sets the same keys. The host then takes nothing back, whatever these keys are set to.
      - A later task with other keys leaves it as it is. What that task changes is not taken back.
      - What was in the file is kept beside it as C(swarm.yaml.reverted~), since somebody else may have changed more meanwhile.
      - When the host restarts meanwhile, systemd takes the change back before Swarm starts. macOS begins to count anew, and
        Windows takes it back at its start, or when it wakes up after the time.
      - Needs O(service).
    type: int
    default: 0
  api_from:
    description:
      - From where Swarm is asked. With V(peer), the host itself does it, where a firewall stands between.
    type: str
    choices: [controller, peer]
    default: controller
  peer:
    description:
      - The peer's host name, IPv4 address or IPv6 address, without scheme and port.
      - The default is the C(ansible_host) of the host of the task, or its inventory name when it has none. With
        O(api_from=peer) it is V(127.0.0.1).
      - With O(service), and where this is given or the task is delegated, the host whose file is changed has to be that peer,
        since a Swarm on another one proves nothing. It looks whether this is an address of its own, or a name of one. If not,
        the task fails before anything is changed, also in check mode.
      - In a task that is delegated, set it to an address of the host that it is delegated to. It is not needed with
        O(api_from=peer).
      - An address that a router translates is none of the host. Such a host can be changed where this is not given, and the
        task is not delegated, or with O(api_from=peer).
      - V(127.0.0.1) is an address of each host. Unless O(api_from=peer), what answers there is on the controller.
    type: str
  web_port:
    description:
      - The peer's web port, for where C(swarm.yaml) has no C(webPort).
    type: int
    default: 1113
  connect_timeout:
    description:
      - How long to wait for one answer of the web port, in seconds.
    type: float
    default: 10
extends_documentation_fragment:
  - renderops.vray_swarm.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix, windows
    details:
      - O(service) needs systemd, launchd or Windows.
      - On Windows the steps are taken from the controller, and what the host does by itself, should nobody come back, is a
        scheduled task that runs as LocalSystem. The user of the task must be an administrator. What is proved of it and how,
        the README of the collection says.
  action:
    support: full
  async:
    support: none
notes:
  - Each key that is changed, and each mapping on the way to it, must be written plainly. With an anchor, an alias, a tag, a
    merge key or a second key of the same name, the task fails and names the line and the column.
  - Without O(data_dir), Swarm is stopped whether or not the peer renders. Look first.
seealso:
  - module: renderops.vray_swarm.peer_info
"""

EXAMPLES = r"""
- name: Let a peer import builds from a share
  renderops.vray_swarm.settings:
    path: /etc/swarm/swarm.yaml
    settings:
      vrayImportDir: /mnt/vray-builds
    service: swarm

- name: Write less about the web port, and no more about the transfer of builds
  renderops.vray_swarm.settings:
    path: /etc/swarm/swarm.yaml
    settings:
      logging:
        web:
          level: WARN
    absent:
      - logging.dl
    backup: true

- name: Close the door for installers, on peers behind a firewall
  renderops.vray_swarm.settings:
    path: /etc/swarm/swarm.yaml
    settings:
      allowExecutables: false
    service: swarm
    api_from: peer

- name: Remove a build that a peer has only in part, unless something renders
  renderops.vray_swarm.settings:
    path: /etc/swarm/swarm.yaml
    absent_builds: [6.20.10-e8197af2]
    service: swarm
    data_dir: /var/lib/swarm

- name: Allow installers for an hour, as soon as nothing is rendered, and for at most ten minutes of waiting
  renderops.vray_swarm.settings:
    path: /etc/swarm/swarm.yaml
    settings:
      allowExecutables: true
    service: swarm
    data_dir: /var/lib/swarm
    busy_wait: 600
    revert_after: 3600
"""

RETURN = r"""
before:
  description:
    - The values that the named keys had. A key that was not in the file is not here.
    - The value of a key such as C(password) or C(apiToken) is masked, as is the password in a URL.
  type: dict
  returned: always
  sample: {vrayImportDir: /srv/old}
after:
  description:
    - The values that the named keys have now, or would have in check mode. They are masked as in RV(before).
    - V(null) where the task failed since somebody else wrote the file meanwhile, so that it holds what that one set.
  type: dict
  returned: always
  sample: {vrayImportDir: /mnt/vray-builds}
backup_file:
  description: The copy of the old file.
  type: str
  returned: always, V(null) when none was made
  sample: /etc/swarm/swarm.yaml.4711.2026-03-01@10:00:00~
restarted:
  description: Whether Swarm was started, after a stop or since it was down. In check mode, whether it would be.
  type: bool
  returned: always
rolled_back:
  description: Whether the old file was put back, since Swarm did not start with the new one.
  type: bool
  returned: always
removed_builds:
  description:
    - The directories of O(absent_builds) that were removed, also by a task that failed afterwards. In check mode, those that
      would be.
    - One that was removed only in part is not among them.
  type: list
  elements: str
  returned: always
  sample: [/var/lib/swarm/VRay/vray-6.20.10-e8197af2]
busy:
  description:
    - The processes of the renders for which Swarm was not stopped, so that nothing was changed.
    - Empty in all other cases.
  type: list
  elements: dict
  returned: always
  contains:
    pid:
      description: The number of the process.
      type: int
    executable:
      description: The path of what runs.
      type: str
  sample: [{pid: 4711, executable: /var/lib/swarm/VRay/vray-6.20.10-e8197af2/bin/vray}]
msg:
  description: Why the task failed, or why Swarm was left alone.
  type: str
  returned: on failure, and with RV(busy)
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import settings_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._settings_host import run


def main() -> None:
    run(AnsibleModule(argument_spec=settings_spec(), supports_check_mode=True))


if __name__ == "__main__":
    main()
