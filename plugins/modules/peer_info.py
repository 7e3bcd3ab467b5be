#!/usr/bin/python

# Copyright (c) 2026, the renderops.vray_swarm contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: peer_info
short_description: Look at a V-Ray Swarm peer
version_added: 1.0.0
author:
  - RenderOps contributors (@renderops)
description:
  - Tells what a peer's C(swarm.yaml) says, whether its service runs and its web port answers as Swarm does, what builds it
    has deployed, what lies in its import directory, whether the share is mounted, how much disk is free, and which renders
    run.
  - It is one module run on the host, one round trip, whatever is asked for. A Windows host takes two as a rule, and three
    at most, such as where the account of its service cannot be used to read a share. In a run of Ansible, that is found out
    once, and again after Swarm was started anew.
  - The web port is asked from the controller, or in the same run from the host, see O(api_from).
  - Anything that is down, missing or unreadable is told, and does not fail the task. Only options that no peer can have do.
options:
  data_dir:
    description:
      - Swarm's data directory on the peer, the directory that holds C(VRay/). The vendor does not publish where it is.
      - Without O(data_dir), O(config), O(import_dir), O(share_path), O(service), O(discover), O(watch) and
        O(api_from=peer), no connection to the host is made.
  service:
    description:
      - The name of Swarm's service, a unit of systemd, a label of launchd or a service of Windows, and not its display name.
        The vendor does not publish it.
    type: str
  share_path:
    description:
      - Where the share with the builds is mounted on the peer, or on Windows its UNC path, as in C(\\nas\vray).
    type: path
  share_credentials:
    description:
      - The file with the user and the password for the share, as C(mount.cifs) reads it. Whether only its owner can read it,
        and it says what the variables C(vray_swarm_share_username), C(vray_swarm_share_password) and
        C(vray_swarm_share_domain) of the host say, is returned as RV(mount.credentials). They are no options, since options
        of a task are shown. The host is sent a salted hash.
    type: path
  share_digest:
    description:
      - The salt and the hash of what O(share_credentials) shall hold. It is made by this plugin; what a task gives is ignored.
    type: str
  share_signature:
    description:
      - Whether to look at the signature of the share. It is set by this plugin, where O(wanted.keyring) is given; what a task
        gives is ignored.
    type: bool
    default: false
  import_dir:
    description:
      - The import directory, where it is neither what C(swarm.yaml) says nor C(VRay/import) in O(data_dir).
      - The default is C(vrayImportDir) in O(wanted.settings), since that is where it will be.
      - V({platform}) in it stands for the platform of the host, as in C(/mnt/vray/stable/{platform}).
    type: path
  platform:
    description:
      - The platform of the host. The default is what the host says.
    type: str
    choices: [Linux_x86, Linux_Arm64, Windows_x86, Windows_Arm64, macOS_x86, macOS_Arm64]
  api_from:
    description:
      - Who asks the web port. V(peer), where a firewall stands between the controller and the web port, is the host itself;
        the default of O(peer) is then C(localhost), and C(requests) is not needed.
    type: str
    choices: [controller, peer]
    default: controller
  connect_timeout:
    description:
      - How long to wait for a connection to the web port, and then for its answer, in seconds.
  details:
    description:
      - What to look at beside the rest, which costs next to nothing, unless it says otherwise.
      - V(build_sizes) counts the files and bytes of the deployed builds.
      - V(import_platforms) reads the beginning of the files in the import directory, for at most two seconds.
      - V(busy) looks at all processes of the host.
      - V(disk) asks for the free disk.
      - V(import_checksums) has an effect where O(wanted.keyring) is given. It reads those files in the import directory that
        Swarm will import, and compares them with what was signed. That takes as long as Swarm takes to read them.
    type: list
    elements: str
    choices: [build_sizes, busy, disk, import_checksums, import_platforms]
    default: [build_sizes, busy, disk, import_checksums, import_platforms]
  watch:
    description:
      - For how many seconds to watch the import directory before the look. Then RV(imports[].opened) tells how often each file
        was opened meanwhile. A build that is opened again and again is one that Swarm tries, in vain, again and again.
      - Needs Linux on the host. Cannot be combined with O(wait).
    type: float
    default: 0
  discover:
    description:
      - Also looks for what the options above have to name, where it is not known. From whoever listens on O(web_port) to its
        process, systemd unit, executable, command line and open files, and from there to C(swarm.yaml) and the data directory.
      - The findings are shown in the output of the run as a block of group_vars, and returned as RV(discovered).
      - Linux and Windows hosts only. A user who is not root, or no administrator, sees less, and is told what.
    type: bool
    default: false
  wanted:
    description:
      - What the peer shall be like. What differs is returned as RV(differences). Nothing is changed.
      - The service shall run and start with the host, where O(service) names it, the share be mounted, where O(share_path)
        does, and the web port answer.
    type: dict
    suboptions:
      settings:
        description:
          - Keys of C(swarm.yaml) with their values, as in M(renderops.vray_swarm.settings). A key that is not in the file has
            its documented default. V({platform}) in C(vrayImportDir) stands for the platform of the host.
        type: dict
        default: {}
      absent:
        description:
          - Keys that shall not be in C(swarm.yaml), nested ones as C(logging.web).
        type: list
        elements: str
        default: []
      builds:
        description:
          - The builds that shall be deployed.
          - They can be given as the roles of this collection take them, in C(vray_swarm_builds).
          - An empty list stands for those that are published for the peer, where the import directory lies in
            O(share_path). They are what C(builds.json) in O(share_path) lists for the directory, or else the files in it.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - The name of the file, or its path.
            type: str
            required: true
            aliases: [src]
          version:
            description:
              - Its version string, where the name does not carry it. Of a build whose version nobody knows can only be told
                that another build than the known ones is deployed.
            type: str
          bytes:
            description:
              - Its size, where the file does not lie in the import directory.
            type: int
          queued:
            description:
              - Whether it was put in the import directory. When it leaves that, and is not deployed a minute later, O(wait)
                does not wait for it any longer.
              - It is there under the name that O(wanted.queued_as) or O(wanted.builds[].name) has. In a directory that is on
                no network, it may also have another name with this version in it, or the size in O(wanted.builds[].bytes).
            type: bool
            default: false
          platform:
            description:
              - The platform of the peers that shall have it. Without it, all shall.
            type: str
            choices: [Linux_x86, Linux_Arm64, Windows_x86, Windows_Arm64, macOS_x86, macOS_Arm64]
          remote_src:
            description:
              - Not used here, as O(wanted.builds[].checksum), O(wanted.builds[].force) and O(wanted.builds[].state) are not.
            type: bool
          checksum:
            description:
              - Not used here.
            type: str
          force:
            description:
              - Not used here.
            type: bool
          state:
            description:
              - Not used here.
            type: str
            choices: [present]
      share:
        description:
          - What shall be mounted at O(share_path). Without it, anything that is mounted there will do.
        type: dict
        suboptions:
          src:
            description:
              - The share, as C(mount) takes it. A password must not be in it.
            type: str
            required: true
          fstype:
            description:
              - The type of the file system in C(fstab).
            type: str
            required: true
          options:
            description:
              - All options in C(fstab), in any order.
            type: str
            default: ro
      keyring:
        description:
          - A file on the controller with the public keys that may sign C(SHA256SUMS) in O(share_path), binary or armored.
            With it, C(SHA256SUMS.asc) has to be a detached signature of that, made with keys in this file alone. C(gpgv)
            on the controller tells.
          - The builds that C(builds.json) lists for the import directory, and all that lies in it, must be in the signed
            C(SHA256SUMS). Files that Swarm has not imported yet must have the checksum that is signed there, see
            V(import_checksums) in O(details).
          - The import directory must be C(<channel>/<platform>) in O(share_path). One that does not lie on a share needs
            no signature.
        type: str
      queued_as:
        description:
          - Where Swarm has said that it put a build, by the name of it in O(wanted.builds), as
            RV(renderops.vray_swarm.upload#module:queued_as) tells it. Of what is not in the import directory then, nobody can
            tell whether it has gone.
        type: dict
        default: {}
      known:
        description:
          - Version strings of builds that were deployed before, and do not count for a build whose version is not known.
        type: list
        elements: str
        default: []
      only:
        description:
          - Whether no other builds shall be deployed.
        type: bool
        default: false
      disk_factor:
        description:
          - How many times the size of a build is needed on the disk of O(data_dir) to deploy it. The vendor does not say; the
            default is an assumption.
        type: float
        default: 3
      unpacked_percent:
        description:
          - How many percent of the bytes of an archive its directory has, at least, when Swarm has unpacked it, from 0 to 100.
            What has less may be a half, see RV(unseen). The vendor does not say what Swarm unpacks; the default is an assumption.
          - To how many bytes an archive unpacks, M(renderops.vray_swarm.publish) writes into C(builds.json) of the share. With
            V(0), that is not compared.
        type: float
        default: 99
  wait:
    description:
      - How long to wait until all of O(wanted.builds) are deployed and have stopped to grow, in seconds. Each minute a line
        says what is waited for. Nothing is waited for in check mode, or while the service is down.
      - Meanwhile the web port is asked as well. Where O(service) runs and the port is silent when all are deployed, it is
        asked for up to 20 more seconds. What it said last is what RV(differences) tells.
      - Cannot be combined with O(watch).
    type: float
    default: 0
  settle:
    description:
      - Also wait, as long as O(wait) allows, when all builds are deployed, until two looks find them of the same size, and the
        same in the import directory. Builds of O(wanted.known) that are not in O(wanted.builds) may change meanwhile.
    type: bool
    default: false
  settle_time:
    description:
      - For how many seconds that has to be so. With V(0), two looks are enough. A build that is being deployed need not grow
        each second.
    type: float
    default: 0
extends_documentation_fragment:
  - renderops.vray_swarm.attributes
  - renderops.vray_swarm.attributes.action_group
  - renderops.vray_swarm.peer
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
  platform:
    support: full
    platforms: posix, windows
    details:
      - On Windows, kind and platform of a file in the import directory are told by its first bytes, and for a tar archive that
        is not compressed, by the programs in it. Of zip and compressed archives the platform is told when it stands in
        the list of the share (C(builds.json) in O(share_path)), which M(renderops.vray_swarm.publish) keeps. It is not
        told of a self-extracting shell script, and of nothing beyond the first 64 files.
      - A UNC path is read on Windows as the account of O(service) while that runs, else as LocalSystem, unless the task
        becomes another user with C(become). That needs an administrator, and no password of the account. What is proved on
        Windows and how, the README of the collection says.
  action:
    support: full
  async:
    support: none
seealso:
  - module: renderops.vray_swarm.upload
"""

EXAMPLES = r"""
- name: Look at a peer
  renderops.vray_swarm.peer_info:
    data_dir: /var/lib/swarm
    config: /etc/swarm/swarm.yaml
  register: peer

- name: Show the builds that it has deployed
  ansible.builtin.debug:
    msg: "{{ peer.builds | map(attribute='version') }}"

- name: Look at all of a peer that only its own host can reach
  renderops.vray_swarm.peer_info:
    data_dir: /var/lib/swarm
    config: /etc/swarm/swarm.yaml
    service: swarm
    share_path: /mnt/vray
    api_from: peer
  become: true
  register: peer

- name: Tell what is wrong
  ansible.builtin.debug:
    msg: "{{ peer.errors }}"
  when: peer.errors | length > 0

- name: Tell what is not as it shall be
  renderops.vray_swarm.peer_info:
    data_dir: /var/lib/swarm
    config: /etc/swarm/swarm.yaml
    service: swarm
    share_path: /mnt/vray
    wanted:
      settings:
        vrayImportDir: /mnt/vray/stable/Linux_x86
        allowExecutables: false
      builds: []
    wait: 600
  register: peer
  failed_when: peer.differences | length > 0

- name: Find out where Swarm keeps its things
  renderops.vray_swarm.peer_info:
    discover: true
  become: true
"""

RETURN = r"""
settings:
  description: >-
    What C(swarm.yaml) says. A key that is not there has Swarm's default. The value of a key such as C(password) or
    C(apiToken) is masked, as is the password in a URL.
  type: dict
  returned: always, V(null) without O(config) or when it could not be read
  sample: {webPort: 1113}
service:
  description: What the service manager says.
  type: dict
  returned: always, V(null) without O(service)
  contains:
    state:
      description: >-
        V(running), V(stopped), V(failed), V(absent), or V(unknown). A service that is about to start or to stop is
        V(stopped), one that is started again and again V(failed).
      type: str
    enabled:
      description: Whether it starts with the host, V(null) when that is not said.
      type: bool
    manager:
      description: V(systemd), V(launchd) or V(windows), V(null) for any other.
      type: str
    detail:
      description: The state in the words of the service manager.
      type: str
      sample: active (running)
    pid:
      description: The number of its main process. V(null) when it does not run, or that is not said.
      type: int
      sample: 812
    error:
      description: Why the state is unknown, else V(null).
      type: str
api:
  description: What the web port says.
  type: dict
  returned: always
  contains:
    url:
      description: What was asked.
      type: str
      sample: http://10.0.0.7:1113
    reachable:
      description: Whether the web port answers as Swarm does.
      type: bool
    allow_executables:
      description: Whether installers may be uploaded. V(null) when the peer did not answer.
      type: bool
    pending_restart:
      description: >-
        Whether C(swarm.yaml) says other than the web port, so that Swarm has to be started again. V(null) when one of them is
        not known. C(allowExecutables) is all that the web port tells.
      type: bool
    error:
      description: Why it is not reachable, else V(null).
      type: str
builds:
  description: The deployed builds.
  type: list
  elements: dict
  returned: always
  contains:
    version:
      description: The version string.
      type: str
      sample: 6.20.10-e8197af2
    directory:
      description: Where the build is.
      type: str
      sample: /var/lib/swarm/VRay/vray-6.20.10-e8197af2
    files:
      description: How many files it has, links included. V(null) without V(build_sizes) in O(details), or when uncounted.
      type: int
      sample: 5213
    bytes:
      description: The bytes of its files. V(null) as RV(builds[].files) is.
      type: int
      sample: 1834522112
unanswered:
  description:
    - The version strings of the builds of which an upload was begun, and nobody heard that it ended well.
      M(renderops.vray_swarm.upload) leaves a mark then, with its option O(renderops.vray_swarm.upload#module:data_dir).
    - Such a build may be deployed whole, as a half, or not at all.
  type: list
  elements: str
  returned: always
  sample: []
awaited:
  description:
    - The version strings of the builds that were to be deployed from the import directory, and of which nobody has seen yet
      that they were. M(renderops.vray_swarm.upload) with O(renderops.vray_swarm.upload#module:awaited), and the roles
      P(renderops.vray_swarm.builds#role), P(renderops.vray_swarm.peer#role) and P(renderops.vray_swarm.verify#role) make a mark
      for them, and these roles remove it.
  type: list
  elements: str
  returned: always
  sample: []
seen:
  description:
    - The version strings of the builds that a run has seen whole. The role P(renderops.vray_swarm.verify#role) makes a mark
      for them on a peer whose import directory is shared, where the role P(renderops.vray_swarm.peer#role) is in the play, and
      removes that of a build that is no longer there.
  type: list
  elements: str
  returned: always
  sample: [6.20.10-e8197af2]
seen_all:
  description: Whether such a run has looked at all builds that the peer had then.
  type: bool
  returned: always
  sample: true
outlived:
  description:
    - The version strings of the builds that are deployed, but not by the Swarm that runs now, or Swarm does not run. The
      directory of each is as it is since before the process of Swarm began.
    - V(null) without O(service), or when nobody tells since when Swarm runs.
  type: list
  elements: str
  returned: always
  sample: []
interrupted:
  description:
    - Those of RV(awaited) that are also in RV(outlived), so that Swarm may have been killed while it unpacked them. Such a
      build may be whole, or a half.
  type: list
  elements: str
  returned: always
  sample: []
unseen:
  description:
    - Those of RV(outlived) that are in neither RV(seen) nor RV(awaited), where RV(seen_all) is V(true) and the import directory
      is shared. Swarm has taken such a build since, and may have been killed while it unpacked it.
    - Where RV(seen_all) is V(false), those of them that have less than O(wanted.unpacked_percent) of what their archives unpack
      to.
    - Empty where the import directory is not shared, since nothing comes there but by an upload.
  type: list
  elements: str
  returned: always
  sample: []
import_dir:
  description: The import directory, V(null) when it is not known.
  type: str
  returned: always
  sample: /var/lib/swarm/VRay/import
import_shared:
  description: Why other peers may read the import directory, too; V(null) where nothing says that they do.
  type: str
  returned: always
imports:
  description: What lies in the import directory.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: The file name.
      type: str
      sample: vray-6.20.10-e8197af2.tar
    path:
      description: The path.
      type: str
    bytes:
      description: The size of a file, V(null) of anything else.
      type: int
      sample: 458321016
    kind:
      description: >-
        V(archive), V(installer), V(unknown) for any other file, V(directory), or V(special) for what is neither. V(null) for a
        file without V(import_platforms) in O(details), when it may not be read, not in a short time, or not told by what is
        read of it on Windows.
      type: str
      sample: archive
    platform:
      description: >-
        The platform that its content tells, on Windows also the list of the share. That of the host where an archive has
        programs for several and one of them is for it. V(null) when these do not tell, tell several others, or not in a
        short time.
      type: str
      sample: Linux_x86
    sha256:
      description: >-
        Its SHA-256 in hexadecimal. V(null) where it was not read, see V(import_checksums) in O(details).
      type: str
    opened:
      description: How often it was opened within O(watch) seconds. V(null) without O(watch), or when that is not known.
      type: int
      sample: 0
kept:
  description:
    - The files in C(VRay/import) of O(data_dir), where the import directory is another one. The vendor's page has it that an
      upload is kept there, and does not say whether another C(vrayImportDir) changes that.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: The file name.
      type: str
      sample: vray-6.20.10-e8197af2.tar
    path:
      description: The path.
      type: str
    bytes:
      description: The size.
      type: int
      sample: 458321016
import_mount:
  description: What the import directory is mounted from, V(null) when the system does not tell.
  type: dict
  returned: always
  contains:
    source:
      description: The device or the share. A password in it is masked.
      type: str
      sample: //nas/builds
    path:
      description: The mount point.
      type: str
    fstype:
      description: The type of the file system.
      type: str
      sample: cifs
    network:
      description: Whether it is a network file system, so that others can read it, too.
      type: bool
    read_only:
      description: Whether it is mounted read-only.
      type: bool
mount:
  description: The share.
  type: dict
  returned: always, V(null) without O(share_path)
  contains:
    path:
      description: The path that was looked at.
      type: str
    mounted:
      description: Whether something is mounted there, or it lies on a network file system.
      type: bool
    point:
      description: Whether it is itself where something is mounted.
      type: bool
    readable:
      description: Whether the user of the task can list it.
      type: bool
    source:
      description: The device or the share. A password in it is masked.
      type: str
      sample: //nas/builds
    fstype:
      description: The type of the file system.
      type: str
      sample: cifs
    network:
      description: Whether it is a network file system.
      type: bool
    read_only:
      description: Whether it is mounted read-only.
      type: bool
    empty:
      description: Whether nothing is in it, V(null) when it is not readable.
      type: bool
    fstab:
      description: >-
        What C(/etc/fstab) says of it, RV(mount.fstab.source), RV(mount.fstab.fstype) and RV(mount.fstab.options), or
        V(null). Passwords are masked.
      type: dict
      contains:
        source:
          description: The share.
          type: str
        fstype:
          description: The type of the file system.
          type: str
        options:
          description: The options.
          type: str
      sample: {source: //nas/builds, fstype: cifs, options: "ro,guest,_netdev,nofail,x-vray_swarm"}
    credentials:
      description: >-
        Whether the file O(share_credentials) is as wanted. V(null) without that option or without
        C(vray_swarm_share_username), and when the file could not be read.
      type: bool
    error:
      description: Why it is not readable, else V(null).
      type: str
    account:
      description: The account of the service O(service).
      type: str
      returned: on Windows
      sample: NT AUTHORITY\SYSTEM
    read_as:
      description: The account that read the share.
      type: str
      returned: on Windows
      sample: NT AUTHORITY\SYSTEM
    proved:
      description: >-
        Whether the service reads the share as the account that it was read with. A service under LocalSystem or NetworkService
        does so as the computer's account.
      type: bool
      returned: on Windows
    doubt:
      description: Why it is not V(proved), else V(null).
      type: str
      returned: on Windows
      sample: Only while Swarm runs can FARM\swarm be used without its password.
    waits:
      description: >-
        Whether the share does not let in who read it, and only a Swarm that runs will tell whether it lets in the account of
        the service.
      type: bool
      returned: on Windows
disk:
  description: >-
    The free bytes of where temporary files lie, of the data directory and of the import directory, each V(null) when it is
    not known. On Windows they are those of the drive, also where a volume is mounted in a directory of it.
  type: dict
  returned: always, V(null) without V(disk) in O(details)
  sample: {temp: 5028392960, data: 120291102720, import: 120291102720}
busy:
  description: >-
    The processes whose executable lies in a deployed build, which are renders; on Windows also in any other directory that
    is named as a build is. What this user may not see is told in RV(errors).
  type: list
  elements: dict
  returned: always, V(null) without O(data_dir) or V(busy) in O(details)
  contains:
    pid:
      description: The number of the process.
      type: int
    executable:
      description: Its executable.
      type: str
platform:
  description: The platform of the host, V(null) for one that V-Ray is not made for.
  type: str
  returned: always, V(null) when the host was not looked at
  sample: Linux_x86
errors:
  description: >-
    What could not be looked at, and why. The keys are C(config), C(data_dir), C(import_dir), C(build_sizes), C(busy),
    C(share_credentials), C(import_checksums) and C(watch).
  type: dict
  returned: always
  sample:
    data_dir: The data directory /srv/swarm is not there, or may not be read (become?).
settled:
  description:
    - Whether builds and import directory have been the same for O(settle_time) seconds, or Swarm's service is down. V(null) where
      that was not waited for, as in check mode.
  type: bool
  returned: with O(settle)
  sample: true
differences:
  description: What is not as O(wanted) says, in the order in which it is set right.
  type: list
  elements: dict
  returned: when O(wanted) is given
  contains:
    kind:
      description: >-
        V(unknown) for what could not be looked at, V(share), V(signature) for what is not signed as O(wanted.keyring) says,
        V(settings), V(restart) when Swarm runs with other settings than C(swarm.yaml) has, V(service), V(api), V(directory)
        for an import directory that is not there, V(platform) for a build of another platform in the import directory,
        V(import) for what is no build there (where no other peer reads it, only what is no file or directory, and does not begin
        with a dot), V(build) for one that is not deployed, V(half) for one that may be deployed in
        part, V(disk) when there is no room for those, V(unwanted).
      type: str
    subject:
      description: >-
        The key, file, version or path; of a V(share) what of it: V(files) or V(foreign) stand in the way of a mount,
        V(mount), V(source), V(mode), V(access), V(fstab) and V(credentials) are set right by one. Of a V(signature),
        V(unread) stands for a share that cannot be read.
      type: str
    have:
      description: What was found, V(null) for nothing. The value of a key such as C(password) or C(apiToken) is masked.
      type: raw
    want:
      description: What is wanted, V(null) for nothing. It is masked likewise.
      type: raw
    message:
      description: All of it in a sentence.
      type: str
      sample: The build 6.20.10-e8197af2 is not deployed.
wanted_builds:
  description: The builds of O(wanted).
  type: list
  elements: dict
  returned: when O(wanted) is given, V(null) when it says nothing of builds
  contains:
    name:
      description: The name of the file.
      type: str
    version:
      description: Its version string, V(null) when none is known.
      type: str
    deployed:
      description: Whether this version is deployed. V(null) when no version is known, or the data directory was not looked at.
      type: bool
    imported:
      description: >-
        The name of its file in the import directory, V(null) when none is seen there. Swarm may keep it under another name than
        that which was sent.
      type: str
    unpacked_size:
      description: >-
        To how many bytes its archive unpacks, as C(builds.json) of the share says. V(null) where it does not, and where
        O(wanted.unpacked_percent) is V(0).
      type: int
      sample: 1288490188
    elsewhere:
      description: Where O(wanted.queued_as) has it, if that is in another directory than the import directory, else V(null).
      type: str
    marked_as:
      description: >-
        What stands in the names of its marks: the version, or where none is known, V(file-) and a hash of the name of the file.
      type: str
      sample: 6.20.10-e8197af2
    awaited:
      description: >-
        What stands in those of its marks that tell that it was to be deployed from the import directory, and nobody has seen yet
        that it was: its version, the hash of its name, both, or nothing. The second one is there where it was queued before its
        version was known.
      type: list
      elements: str
      sample: []
discovered:
  description: What was found.
  type: dict
  returned: when O(discover) is true
  contains:
    group_vars:
      description: The block that is shown, as a text.
      type: str
    candidates:
      description: >-
        The processes that may be Swarm, the likeliest first. Each has V(pid), V(executable), V(command), V(user),
        V(address), V(api), V(notes), and the lists V(web_port), V(config), V(data_dir), V(service) and V(import_dir) of
        findings with their V(value), V(how) it was found, and whether that is V(sure). In V(command), what is secret is
        masked, such as what follows C(--token), and the password in a URL.
      type: list
      elements: dict
    unseen:
      description: What this user may not see.
      type: list
      elements: str
    web_port:
      description: The port that was looked at.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.renderops.vray_swarm.plugins.module_utils._argspec import peer_info_spec
from ansible_collections.renderops.vray_swarm.plugins.module_utils._errors import SwarmError
from ansible_collections.renderops.vray_swarm.plugins.module_utils._peer_info import look


def main() -> None:
    module = AnsibleModule(argument_spec=peer_info_spec(), supports_check_mode=True)
    try:
        module.exit_json(look=look(module.params))
    except SwarmError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
