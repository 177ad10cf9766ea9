#!/bin/sh
# Last step of a lab host's root file system: what the installer of a real server would have done, and what a host that
# shares its kernel with others must leave alone. Argument: the directory of the root file system.
set -eu
root=$1

in_root() { chroot "$root" "$@"; }
unit() { cat >"$root/etc/systemd/system/$1"; }

# Each host makes an identity of its own when it starts.
: >"$root/etc/machine-id"
rm -f "$root"/var/lib/dbus/machine-id "$root"/etc/ssh/ssh_host_*
unit ssh-host-keys.service <<'EOF'
[Unit]
Description=SSH host keys of this host
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'rm -f /etc/ssh/ssh_host_*; for t in ecdsa ed25519; do ssh-keygen -q -t $t -N "" -f /etc/ssh/ssh_host_$${t}_key; done'
[Install]
WantedBy=multi-user.target
EOF

# Mounts made by a pod with propagation "Bidirectional" must reach the host.
unit shared-root.service <<'EOF'
[Unit]
Description=Shared propagation of all mounts
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/mount --make-rshared /
[Install]
WantedBy=sysinit.target
EOF
in_root systemctl enable --quiet ssh-host-keys.service shared-root.service ssh.service containerd.service

# Hardware, clock, consoles and the kernel's log belong to the computer below.
in_root systemctl mask --quiet systemd-udev-trigger.service systemd-udev-settle.service systemd-modules-load.service \
  getty.target console-getty.service systemd-timesyncd.service chrony.service \
  sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
in_root systemctl disable --quiet keepalived.service nftables.service
mkdir -p "$root/etc/systemd/journald.conf.d" "$root/etc/systemd/system.conf.d"
printf '[Journal]\nReadKMsg=no\nStorage=persistent\nSystemMaxUse=64M\n' >"$root/etc/systemd/journald.conf.d/lab.conf"
# Without it a reboot waits 90 s for processes that do not end.
printf '[Manager]\nDefaultTimeoutStopSec=5s\n' >"$root/etc/systemd/system.conf.d/lab.conf"

printf 'PasswordAuthentication no\n' >"$root/etc/ssh/sshd_config.d/lab.conf"
install -d -m 700 "$root/root/.ssh"
