#!/bin/bash
# Examines the host and changes nothing. Prints "<key> <value>" lines.
# Inputs: HOST_ADDRESS KUBERNETES_VERSION PROBE_URLS (a line each: "<url> <expected digest or ->") PROBE_CA REGISTRY REGISTRY_CA INTERFACES

id_of() { sed -n "s/^$1=//p" /etc/os-release | tr -d '"'; }

report() { printf '%s %s\n' "$1" "$2"; }

probe() {
  local ca_text="$1" url="$2" ca=()
  command -v curl >/dev/null || return 0
  [ -z "$ca_text" ] || ca=(--cacert /dev/fd/3)
  curl --silent --show-error --fail --location --connect-timeout 4 --max-time 8 "${ca[@]}" "${@:3}" "$url" 3<<<"$ca_text" 2>&1
}

report os "$(id_of ID) $(id_of VERSION_ID)"
report architecture "$(uname -m)"
report machine_id "$(cat /etc/machine-id 2>/dev/null)"
report time "$(date +%s)"
report cpus "$(nproc)"
report memory_mib "$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)"
for path in /var/lib /opt /run; do report free_mib "$path $(df --output=avail -BM "$path" | tail -n 1 | tr -dc 0-9)"; done
[ ! -f /etc/stratiform/claim ] || sed -n 's/^\(cluster_uid\|cluster_name\|host_name\)=/claim_\1 /p' /etc/stratiform/claim
if [ ! -f /etc/stratiform/claim ]; then
  if [ -e /etc/kubernetes/kubelet.conf ] || compgen -G "/etc/kubernetes/manifests/*" >/dev/null; then report foreign kubernetes; fi
  if [ -n "$(ls -A /var/lib/etcd 2>/dev/null)" ]; then report foreign etcd; fi
  if command -v ctr >/dev/null && ctr namespaces ls -q 2>/dev/null | grep -q .; then report containerd_in_use yes; fi
  for port in 6443 2379 2380 10250 10257 10259; do
    if command -v ss >/dev/null && ss -Htln "sport = :$port" | grep -q .; then report port_in_use "$port"; fi
  done
fi
[ ! -f /var/lib/stratiform/host/initialised ] || report initialised yes
if command -v ufw >/dev/null && ufw status 2>/dev/null | grep -q '^Status: active'; then report firewall ufw; fi
if command -v firewall-cmd >/dev/null && firewall-cmd --state >/dev/null 2>&1; then report firewall firewalld; fi
[ ! -x /usr/local/bin/kubelet ] || report kubelet_version "$(/usr/local/bin/kubelet --version | sed 's/^Kubernetes v//')"
if [ -f /var/lib/stratiform/host/initialised ]; then
  for unit in containerd kubelet; do systemctl is-active --quiet "$unit" || report stopped "$unit"; done
fi
if [ -f /var/lib/stratiform/host/files.sha256 ]; then
  sha256sum --check --quiet /var/lib/stratiform/host/files.sha256 2>/dev/null | sed -n 's/^\(.*\): FAILED.*$/changed_file \1/p'
fi
ip -o addr show to "$HOST_ADDRESS/32" | grep -q . || report address_missing "$HOST_ADDRESS"
report address_interface "$(ip -o -4 addr show to "$HOST_ADDRESS/32" | awk '{ print $2; exit }')"
for path in /sys/class/net/*; do
  # Those of pods and virtual machines are no choice.
  case "${path##*/}" in lo | veth* | tap*) ;; *) report interface "${path##*/}" ;; esac
done
for interface in $INTERFACES; do [ -e "/sys/class/net/$interface" ] || report interface_missing "$interface"; done
while read -r url digest; do
  [ -n "$url" ] || continue
  # What is there already needs no mirror.
  name="${url##*/}"
  { [ -e "/opt/stratiform/kubernetes/$KUBERNETES_VERSION/$name" ] || [ -e "/opt/stratiform/cni/$name" ]; } && continue
  if ! answer="$(probe "$PROBE_CA" "$url" --head --output /dev/null)"; then
    report artifact_unreachable "$url ${answer//$'\n'/ }"
    break
  fi
  published="$(probe "$PROBE_CA" "$url.sha256" | cut -c1-64)" || continue
  [[ "$published" =~ ^[0-9a-f]{64}$ ]] || continue
  [ "sha256:$published" = "$digest" ] || report artifact_digest "$url sha256:$published $digest"
done <<<"$PROBE_URLS"
if [ -n "$REGISTRY" ] && ! answer="$(probe "$REGISTRY_CA" "https://${REGISTRY%%/*}/v2/" --output /dev/null)"; then
  grep -q 'error: 401' <<<"$answer" || report registry_unreachable "${REGISTRY%%/*} ${answer//$'\n'/ }"
fi
report "done" yes
