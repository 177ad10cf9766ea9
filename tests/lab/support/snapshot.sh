# Everything of a host that a cluster may leave behind, as text: "## <part>" and a line per thing, sorted.
# Read-only. What changes on a host by itself (logs, caches, random seeds, counters) is left out.
export LC_ALL=C

part() { printf '## %s\n' "$1"; }

# Path, kind, mode, owner; and for a file its digest, for a link its target.
part files
find /etc /opt /root /srv /usr/bin /usr/lib/systemd /usr/libexec /usr/local /usr/sbin /var/lib /var/log \
  \( -path /var/lib/containerd/\* -o -path /var/lib/systemd -o -path /var/lib/dbus -o -path /var/lib/apt -o -path /var/log/journal \
  -o -path /var/lib/dpkg -o -path /var/lib/private -o -path /var/log/\*.log\* -o -path /var/log/apt/\* -o -path /etc/.updated -o -path /var/.updated \
  -o -name \*.dpkg-old -o -path /var/log/wtmp -o -path /var/log/btmp -o -path /var/log/lastlog \
  -o -path /etc/ld.so.cache -o -name '*.cache' -o -path /root/.ssh \
  -o -path '/etc/*-' \) -prune -o -printf '%y %m %U:%G %p\t%l\n' 2>/dev/null |
  while IFS=$'\t' read -r what link; do
    path="${what#* * * }"
    case "$what" in
      f*) printf '%s %s\n' "$what" "$(sha256sum <"$path" 2>/dev/null | cut -c1-16)" ;;
      *) printf '%s %s\n' "$what" "$link" ;;
    esac
  done | sort

part packages
dpkg-query --show --showformat='${binary:Package} ${Version} ${db:Status-Abbrev}\n' | sort

# Names only: containerd's own bookkeeping changes at every start.
part containerd
ls -1 /var/lib/containerd 2>/dev/null | sort
for namespace in $(ctr namespaces ls -q 2>/dev/null); do
  for kind in containers images tasks; do ctr --namespace "$namespace" "$kind" ls -q 2>/dev/null | sed "s|^|$namespace $kind |"; done
done
find /var/lib/containerd -path '*/snapshots/*' -mindepth 3 -maxdepth 3 2>/dev/null | sort
find /var/lib/containerd -path '*/blobs/sha256/*' 2>/dev/null | sort

part run
find /run -maxdepth 2 \( -path /run/systemd -o -path '/run/user' -o -path '/run/log' -o -path '/run/udev' -o -path '/run/lock' \
  -o -path '/run/sshd*' -o -name 'utmp' -o -path '/run/credentials' -o -path '/run/dbus' -o -path /run/sudo -o -path /run/xtables.lock -o -path '/run/containerd/*' -o -path '/run/motd*' -o -path '/run/initctl' \) -prune \
  -o -mindepth 1 -printf '%y %p\n' | sort

part iptables
for tool in iptables ip6tables; do
  command -v "$tool-save" >/dev/null || continue
  # Empty tables and built-in chains that accept are what listing alone brings into being.
  "$tool-save" 2>/dev/null | grep -vE '^(#|\*|COMMIT|:(INPUT|OUTPUT|FORWARD|PREROUTING|POSTROUTING) ACCEPT)' |
    sed -E "s/\[[0-9]+:[0-9]+\]//; s/^/$tool /"
done | sort

part nftables
nft list tables 2>/dev/null | grep -vE '^table (ip|ip6) (filter|nat|mangle|raw|security)$' | sort

part ipsets
ipset list -name 2>/dev/null | sort

part links
ip -o link show | sed -E 's/^[0-9]+: ([^:@]+)[^:]*:.* mtu ([0-9]+) .*/\1 mtu \2/' | sort

part addresses
ip -o addr show | grep -v ' scope link' | awk '{ print $2, $3, $4 }' | sort

part routes
{ ip -4 route show table all; ip -6 route show table all; } | grep -vE 'fe80|multicast|ff00' | sed -E 's/ expires [0-9]+sec//' | sort

part rules
ip rule show | sort

part namespaces
ip netns list 2>/dev/null | cut -d' ' -f1 | sort
ls -1 /var/lib/cni 2>/dev/null | sort

part processes
ps -eo ppid=,args= | awk '$1 != 2' | sed -E 's/^ *[0-9]+ //' |
  grep -vE '^(sshd: |bash|/bin/bash|sh |-bash|ps |awk|sed|sort|grep|\[|\(sd-pam\)|\(udev-worker\)|/lib/systemd/systemd-(hostnamed|logind|timedated|localed)|/lib/systemd/systemd --user|/usr/sbin/sshd -D -R)' | sort -u

part units
systemctl list-units --all --plain --no-legend --full --state=active,failed,activating 2>/dev/null | awk '{ print $1, $3 }' |
  grep -vE '^(session-|user-|user@|run-|systemd-(hostnamed|logind|timedated|tmpfiles-clean)|.*\.device|dpkg-db-backup|apt-|ssh@|network-online\.target|.*\.(mount|scope|slice) )' | sort
systemctl list-unit-files --no-legend --full 2>/dev/null | awk '{ print $1, $2 }' | grep -vE ' (transient|generated)$' | sort

part mounts
awk '{ print $2, $3 }' /proc/mounts | grep -vE '^/(proc|sys|dev|run/user|run/credentials|run/systemd)' | sort

# A container shares all but the network's settings with its computer, and with the other hosts there.
part sysctls
shared='|fs\.inotify\.|kernel\.(panic|panic_on_oops) |vm\.(overcommit_memory|panic_on_oom) |kernel\.keys\.root_'
! systemd-detect-virt --quiet --container || shared=''
sysctl --all 2>/dev/null |
  grep -E '^(net\.ipv4\.(ip_forward|conf\.(all|default)\.(rp_filter|forwarding|arp_ignore|arp_announce|route_localnet)|ip_local_reserved_ports) |net\.bridge\.'"$shared)" | sort

part swap
swapon --show=NAME --noheadings 2>/dev/null | sort
