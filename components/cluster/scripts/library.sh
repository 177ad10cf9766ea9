#!/bin/bash
# Shared by all steps. The inputs (upper-case variables) stand before this file in the program of a step.
set -Eeuo pipefail
shopt -s nullglob
# A command that nobody expected to fail: without this its name would be lost.
trap 'echo "error: $HOST_NAME: a command of ${FUNCNAME[0]:-the step} failed with status $?: $BASH_COMMAND" >&2; trap - ERR' ERR

readonly state=/var/lib/stratiform/host
readonly admin_conf=/etc/kubernetes/admin.conf
readonly opt=/opt/stratiform
readonly claim=/etc/stratiform/claim

# kubectl would keep what it learned of the API under the home directory of root.
export KUBECACHEDIR=/run/stratiform/kubectl

say() { echo "$*"; }

fail() {
  echo "error: $*" >&2
  exit 1
}

# One step that changes the host at a time.
lock() {
  exec 9>/run/stratiform/lock
  flock 9
}

# Refuses a host of another cluster. Changes nothing.
refuse_foreign_host() {
  if [ -f "$claim" ]; then
    grep -qxF "cluster_uid=$CLUSTER_UID" "$claim" ||
      fail "$HOST_NAME belongs to another cluster ($(sed -n 's/^cluster_name=//p' "$claim")); destroy that cluster first, or remove the host from it"
    is_ours || fail "$HOST_NAME is in this cluster under another name ($(sed -n 's/^host_name=//p' "$claim")); a name is a host's identity: take the old name out in one \`up\`, put the new one in with the next"
  elif [ -e /etc/kubernetes/kubelet.conf ] || compgen -G "/etc/kubernetes/manifests/*" >/dev/null; then
    fail "$HOST_NAME runs a Kubernetes node that is not ours (/etc/kubernetes); run 'kubeadm reset' on it first"
  fi
}

# Whether the host is taken under this step's own name: the machine may have been listed under another one.
is_ours() { grep -qxF "host_name=$HOST_NAME" "$claim" 2>/dev/null; }

# Takes the host for the cluster. What the claim's "remove" puts back is remembered first.
take_host() {
  refuse_foreign_host
  install -d -m 0755 /etc/stratiform /etc/stratiform/release.d
  [ -f "$claim" ] || remember
  printf '%s\n' "schema=1" "cluster_name=$CLUSTER_NAME" "cluster_uid=$CLUSTER_UID" "host_name=$HOST_NAME" >"$claim.new"
  mv -f "$claim.new" "$claim"
}

# What "remove" needs to put back.
remember() {
  install -d -m 0700 "$state/before"
  cp -p /etc/hosts "$state/before/hosts"
  if [ -f /etc/containerd/config.toml ]; then cp -p /etc/containerd/config.toml "$state/before/containerd.toml"; fi
  [ ! -d /var/lib/containerd ] || : >"$state/before/containerd-root"
  [ ! -d /opt/cni ] || : >"$state/before/cni-bin"
  [ ! -d /etc/cni ] || : >"$state/before/cni-etc"
  [ ! -d /etc/containerd/certs.d ] || : >"$state/before/containerd-certs"
  ! systemctl is-active --quiet containerd || : >"$state/before/containerd-active"
  [ ! -d /opt/containerd ] || : >"$state/before/containerd-opt"
  swapon --show=NAME --noheadings >"$state/before/swap" 2>/dev/null || true
  # Images and containers of others, if containerd is there: what is left of ours is only wiped where there are none.
  ctr namespaces ls -q 2>/dev/null | grep -vx k8s.io >"$state/before/containerd-namespaces" || true
  nft list tables 2>/dev/null | sort >"$state/before/nft-tables" || true
  host_addresses >"$state/before/addresses"
  # What the steps, the kubelet and kube-proxy set. Each line is what sysctl --load reads back.
  sysctl --ignore net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables net.ipv4.conf.all.rp_filter \
    net.ipv4.conf.default.rp_filter net.ipv4.conf.all.route_localnet net.ipv4.ip_forward >"$state/before/sysctl" 2>/dev/null || true
  # The rest belongs to the machine as a whole, not to a host that is a container.
  systemd-detect-virt --quiet --container ||
    sysctl --ignore net.netfilter.nf_conntrack_max fs.inotify.max_user_instances fs.inotify.max_user_watches kernel.panic \
      kernel.panic_on_oops vm.overcommit_memory vm.panic_on_oom kernel.keys.root_maxbytes kernel.keys.root_maxkeys \
      >>"$state/before/sysctl" 2>/dev/null || true
}

host_addresses() { ip -o -4 address show | awk '{print $2, $4}' | sort; }

installed_packages() { dpkg-query --show --showformat='${binary:Package}\n' | sort; }

# Adds what came since "prepare" remembered the packages to those that the release takes away.
note_packages() {
  installed_packages | comm -13 "$state/packages-before" - >>"$state/packages-added"
  rm -f "$state/packages-before"
}

# A host that joins anew gets another network for its pods. With what is left of the one before, pods that start sooner
# than kube-router has written the new one get addresses that no other host finds.
forget_pod_network() {
  local link
  rm -f /etc/cni/net.d/10-kuberouter.conflist
  rm -rf /var/lib/cni/networks/stratiform
  # Also those of pods whose network namespace is still held.
  for link in /sys/class/net/kube-bridge/brif/*; do ip link delete "${link##*/}" 2>/dev/null || true; done
  ip link delete kube-bridge 2>/dev/null || true
}

cgroup_v1() { [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; }

kubeadm_errors() { grep -iE 'error|fatal|unable|failed' /run/stratiform/kubeadm.log | tail -n 4 | tr '\n' ' '; }

# wait_for SECONDS WHAT COMMAND...: until the command succeeds, telling every 10 s that it waits.
wait_for() {
  local limit="$1" what="$2" start=$SECONDS told=$SECONDS
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS - start >= limit)); then return 1; fi
    if ((SECONDS - told >= 10)); then
      say "waiting for $what ($((SECONDS - start)) s)"
      told=$SECONDS
    fi
    sleep 0.5
  done
}

# write_file PATH MODE: standard input to PATH, atomically, only if it differs. Status 0 if it was written, else 1.
# A record of what we wrote lets the preflight tell what somebody else changed since.
write_file() {
  local path="$1" mode="$2" new
  new="$(mktemp "$(dirname "$path")/.stratiform.XXXXXX")" || fail "$HOST_NAME: cannot write $path"
  # Callers ask for the status, so nothing here ends the step by itself.
  { cat >"$new" && chmod "$mode" "$new"; } || { rm -f "$new"; fail "$HOST_NAME: cannot write $path"; }
  if cmp -s "$new" "$path"; then
    rm -f "$new"
    chmod "$mode" "$path"
    record_file "$path"
    return 1
  fi
  mv -f "$new" "$path"
  record_file "$path"
}

record_file() {
  install -d -m 0700 "$state"
  touch "$state/files.sha256"
  local kept
  kept="$(grep -vF "  $1" "$state/files.sha256" || true)"
  { [ -z "$kept" ] || echo "$kept"; sha256sum "$1"; } >"$state/files.sha256.new"
  mv -f "$state/files.sha256.new" "$state/files.sha256"
}

# restart_if_changed SERVICE FILE: restarts a service that has not been restarted since its file changed, also where an
# earlier run wrote the file and was broken off before the restart.
restart_if_changed() {
  local service="$1" sum
  sum="$(sha256sum "$2")"
  [ "$(cat "$state/restarted-$service" 2>/dev/null)" = "$sum" ] && return 0
  systemctl restart "$service"
  echo "$sum" >"$state/restarted-$service"
}

# download URL SHA256 TARGET MODE: only if TARGET is not there with this digest.
download() {
  local url="$1" digest="${2#sha256:}" target="$3" mode="$4" new
  if [ -f "$target" ] && echo "$digest  $target" | sha256sum --check --status; then return 0; fi
  new="$(mktemp "$(dirname "$target")/.stratiform.XXXXXX")"
  local trust=()
  [ -z "$ARTIFACTS_CA" ] || trust=(--cacert "$state/artifacts-ca.crt")
  curl --fail --silent --show-error --location --retry 3 --retry-connrefused --connect-timeout 10 --max-time 600 \
    "${trust[@]}" --output "$new" "$url" || { rm -f "$new"; fail "$HOST_NAME: cannot download $url; check stratiform:cluster.artifacts"; }
  local found
  found="$(sha256sum "$new" | cut -d' ' -f1)"
  if [ "$found" != "$digest" ]; then
    rm -f "$new"
    fail "$HOST_NAME: $url has the digest sha256:$found, expected sha256:$digest; the file was not used. Check the mirror, or stratiform:cluster.artifacts.digests"
  fi
  chmod "$mode" "$new"
  mv -f "$new" "$target"
}

# Whether an API server answers at an address.
api_ready() {
  curl --silent --show-error --fail --max-time 5 --noproxy '*' --cacert /etc/kubernetes/pki/ca.crt "https://$1:6443/readyz"
}

admin() { kubectl --kubeconfig "$admin_conf" --request-timeout=30s "$@"; }

kubelet_version() { kubelet --version 2>/dev/null | sed 's/^Kubernetes v//'; }

# Kubeconfig of this step for joining and for cordon, drain and node removal: lives in memory, for this step only.
write_host_kubeconfig() {
  host_conf=/run/stratiform/host.conf
  # Of a run that was killed.
  rm -f /run/stratiform/peer.conf /run/stratiform/discovery.conf
  (umask 077 && printf '%s\n' "$HOST_KUBECONFIG" >"$host_conf")
  trap 'rm -f "$host_conf" /run/stratiform/peer.conf /run/stratiform/discovery.conf' EXIT
}

host_kubectl() { kubectl --kubeconfig "$host_conf" --request-timeout=30s "$@"; }

# ask ARGUMENTS...: puts what kubectl answers into "answer". An API server that has just begun anew is away for a moment, or
# knows nobody's rights yet: it is asked again, for two minutes. What is asked must do no harm when it is done twice.
ask() { wait_for 120 "the API" answered "$@"; }
answered() { answer="$(host_kubectl "$@")"; }

# Whether the cluster knows this node. An API that does not answer is no answer, and ends the step.
node_exists() {
  ask get node "$HOST_NAME" --ignore-not-found -o name ||
    fail "$HOST_NAME: the API does not say at its endpoint whether the node exists; nothing was changed on this host"
  [ -n "$answer" ]
}

drain() {
  local begin=$SECONDS
  say "draining $HOST_NAME"
  if drain_node; then return 0; fi
  # An API server that has just begun anew is away for a moment, or knows nobody's rights yet: not so a drain that took long.
  ((SECONDS - begin < 60)) || return 1
  ask get node "$HOST_NAME" || return 1
  say "draining $HOST_NAME once more"
  drain_node
}

drain_node() {
  host_kubectl drain "$HOST_NAME" --ignore-daemonsets --delete-emptydir-data --force --request-timeout=0 --timeout=300s
}

# What upper strata want done before the host leaves, or is no compute host any more, while everything on it still runs:
# virtual machines are moved elsewhere. If that cannot be, nothing is touched.
empty_host() {
  local hook log=/run/stratiform/leave.log
  for hook in /etc/stratiform/leave.d/*; do
    [ -x "$hook" ] || continue
    say "running $hook"
    "$hook" >"$log" 2>&1 || fail "$HOST_NAME: $(grep . "$log" | tail -n 1); the host was left as it is"
    cat "$log"
  done
}

# What upper strata want taken from a host that leaves: guests, bridges, files. They sign the host off where it is known, so
# this comes while pods of other hosts can still be reached, which ends with the node. May be run again at any time.
release_host() {
  local hook
  for hook in /etc/stratiform/release.d/*; do
    [ -x "$hook" ] || continue
    say "running $hook"
    "$hook" || fail "$HOST_NAME: $hook failed; the host was not released"
  done
}

# Labels and taints as the stack has them; those it no longer has are removed. What others set is left alone.
converge_node() {
  local annotation="stratiform.dev/applied" before key
  wait_for 120 "the node to be registered" answered get node "$HOST_NAME" -o "jsonpath={.metadata.annotations.stratiform\.dev/applied}" ||
    fail "$HOST_NAME: the kubelet does not register the node: $(journalctl --unit kubelet --lines 3 --no-pager --output cat | cut -c1-300). To look further on $HOST_NAME: journalctl -u kubelet"
  before="$answer"
  [ "$before" != "$NODE_LABELS|$NODE_TAINTS" ] || return 0
  local labels=() taints=() keys
  keys="$(tr ',' '\n' <<<"$NODE_LABELS" | cut -d= -f1)"
  for key in $(tr ',' '\n' <<<"${before%%|*}" | cut -d= -f1); do
    grep -qxF "$key" <<<"$keys" || labels+=("$key-")
    # Its pods go with the label.
    if [ "$key" = stratiform.dev/compute ] && ! grep -qxF "$key" <<<"$keys"; then empty_host; fi
  done
  [ -z "$NODE_LABELS" ] || mapfile -t -O "${#labels[@]}" labels < <(tr ',' '\n' <<<"$NODE_LABELS")
  ((${#labels[@]} == 0)) || ask label node "$HOST_NAME" --overwrite "${labels[@]}" || fail_unanswered
  for key in $(tr ',' '\n' <<<"${before#*|}"); do
    grep -qxF "$key" <<<"$(tr ',' '\n' <<<"$NODE_TAINTS")" || taints+=("${key%%[=:]*}:${key##*:}-")
  done
  [ -z "$NODE_TAINTS" ] || mapfile -t -O "${#taints[@]}" taints < <(tr ',' '\n' <<<"$NODE_TAINTS")
  ((${#taints[@]} == 0)) || ask taint node "$HOST_NAME" --overwrite "${taints[@]}" || fail_unanswered
  ask annotate node "$HOST_NAME" --overwrite "$annotation=$NODE_LABELS|$NODE_TAINTS" || fail_unanswered
}

fail_unanswered() { fail "$HOST_NAME: the API did not take the node's labels and taints: $(host_kubectl get node "$HOST_NAME" -o name 2>&1 | tail -n 1)"; }

# Waits for those IMAGES that "prepare" began to pull in the background, and pulls what is still not there.
wait_for_images() {
  if [ -z "$IMAGES" ]; then
    # The host asked kubeadm for the list: it is there when all is.
    wait_for 900 "the images" no_pull_runs || true
    return 0
  fi
  if systemctl is-active --quiet stratiform-images.service && ! images_there; then
    say "waiting for the images of this host"
    wait_for 900 "the images" images_there_or_pull_ended || true
  fi
  pull_images
}

images_there() {
  local have reference digest
  have="$(ctr --namespace k8s.io images ls -q)"
  while read -r reference digest; do
    [ -z "$reference" ] || grep -qxF "$reference" <<<"$have" || return 1
  done <<<"$IMAGES"
}

no_pull_runs() { ! systemctl is-active --quiet stratiform-images.service; }

images_there_or_pull_ended() { images_there || no_pull_runs; }

# Pulls what is not there, two at a time. IMAGES has a line per image: "<reference> <digest or ->".
pull_images() {
  local have reference digest
  have="$(ctr --namespace k8s.io images ls -q)"
  while read -r reference digest; do
    [ -n "$reference" ] || continue
    grep -qxF "$reference" <<<"$have" && continue
    (($(jobs -pr | wc -l) < 2)) || wait -n || exit 1
    pull_image "$reference" "$digest" &
  done <<<"$IMAGES"
  while [ -n "$(jobs -p)" ]; do wait -n || exit 1; done
}

pull_image() {
  local reference="$1" digest="$2" source="$1" log
  # The tag goes, the digest decides.
  [ "$digest" = - ] || source="${reference%:*}@$digest"
  log="/run/stratiform/pull-$BASHPID.log"
  ctr --namespace k8s.io images pull --hosts-dir /etc/containerd/certs.d "$source" >"$log" 2>&1 ||
    fail "$HOST_NAME: cannot pull the image $source: $(tail -n 2 "$log"); check stratiform:cluster.imageMirror"
  rm -f "$log"
  [ "$source" = "$reference" ] || ctr --namespace k8s.io images tag --force "$source" "$reference" >/dev/null
}
