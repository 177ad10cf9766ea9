#!/bin/bash
# Makes the host ready to become a node: packages, container runtime, Kubernetes programs, images begun to be pulled.
# Inputs: HOST_NAME CLUSTER_NAME CLUSTER_UID PACKAGES KUBERNETES_VERSION KUBERNETES_URL KUBEADM_DIGEST KUBELET_DIGEST KUBECTL_DIGEST
#   CNI_URL CNI_DIGEST ARTIFACTS_CA REGISTRY REGISTRY_CA SANDBOX_IMAGE IMAGES UPSTREAM_IMAGES HOSTS_ENTRY

apply() {
  lock
  take_host
  install_packages
  disable_swap
  configure_kernel
  configure_names
  install_certificates
  install_kubernetes
  configure_containerd
  start_images
  install_cni_plugins
  configure_kubelet
  say "$HOST_NAME is prepared for Kubernetes $KUBERNETES_VERSION"
}

in_container() { systemd-detect-virt --quiet --container; }

# Capability 24: without it no process may lower its oom_score_adj.
has_sys_resource() {
  local effective
  effective="$(sed -n 's/^CapEff:\s*//p' /proc/self/status)"
  (((0x$effective >> 24) & 1))
}

install_packages() {
  local missing=() package policy=/usr/sbin/policy-rc.d
  # Ours, of a run that was broken off.
  ! grep -qs stratiform "$policy" || rm -f "$policy"
  for package in $PACKAGES; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0
  say "installing ${missing[*]}"
  # No service of a new package starts by itself.
  [ -e "$policy" ] || { printf '#!/bin/sh\n# stratiform: while packages are installed\nexit 101\n' >"$policy" && chmod 0755 "$policy"; }
  remember_packages
  export DEBIAN_FRONTEND=noninteractive
  dpkg --configure --pending >/run/stratiform/apt.log 2>&1 || true
  apt_install "${missing[@]}" || { apt-get update --quiet >/run/stratiform/apt.log 2>&1 && apt_install "${missing[@]}"; } ||
    fail "$HOST_NAME: cannot install ${missing[*]}: $(tail -n 3 /run/stratiform/apt.log)"
  note_packages
  ! grep -qs stratiform "$policy" || rm -f "$policy"
}

# Nothing that is there may be displaced, such as another packaging of containerd.
apt_install() {
  apt-get install --yes --quiet --no-install-recommends --no-remove -o DPkg::Lock::Timeout=300 "$@" >/run/stratiform/apt.log 2>&1
}

# What the release takes away again is what came with our own installation, not what others install later.
remember_packages() { [ -f "$state/packages-before" ] || installed_packages >"$state/packages-before"; }

disable_swap() {
  # First the file: a run that is broken off between the two is run again.
  [ ! -f /etc/fstab ] || sed -i -E '/^[^#].*\sswap\s/s/^/# stratiform: /' /etc/fstab
  [ -z "$(swapon --show --noheadings)" ] || swapoff --all || say "swap stays on; the kubelet is told to accept it"
}

configure_kernel() {
  local module
  printf '%s\n' overlay br_netfilter nf_conntrack | write_file /etc/modules-load.d/stratiform.conf 0644 || true
  for module in overlay br_netfilter nf_conntrack; do modprobe --quiet "$module" 2>/dev/null || true; done
  sysctl_settings | write_file /etc/sysctl.d/99-stratiform.conf 0644 || true
  # Some keys exist only on some kernels; what Kubernetes cannot do without is checked by kubeadm.
  sysctl --quiet --ignore --load /etc/sysctl.d/99-stratiform.conf >/run/stratiform/sysctl.log 2>&1 || true
}

sysctl_settings() {
  printf '%s\n' "net.ipv4.ip_forward = 1" "net.bridge.bridge-nf-call-iptables = 1" "net.bridge.bridge-nf-call-ip6tables = 1" \
    "net.ipv4.conf.all.rp_filter = 0" "net.ipv4.conf.default.rp_filter = 0"
  # The rest belongs to the machine as a whole: not ours to set where the host is a container.
  in_container && return 0
  printf '%s\n' "fs.inotify.max_user_instances = 8192" "fs.inotify.max_user_watches = 1048576" \
    "net.netfilter.nf_conntrack_max = 1000000" "kernel.panic = 10" "kernel.panic_on_oops = 1" "vm.overcommit_memory = 1" \
    "vm.panic_on_oom = 0" "kernel.keys.root_maxbytes = 25000000" "kernel.keys.root_maxkeys = 1000000"
}

configure_names() {
  local kept
  kept="$(sed '/^# stratiform begin$/,/^# stratiform end$/d' /etc/hosts)"
  [ -z "$HOSTS_ENTRY" ] || kept="$kept"$'\n'"# stratiform begin"$'\n'"$HOSTS_ENTRY"$'\n'"# stratiform end"
  [ "$kept" = "$(cat /etc/hosts)" ] || printf '%s\n' "$kept" >/etc/hosts
}

install_certificates() {
  install -d -m 0700 "$state"
  [ -z "$ARTIFACTS_CA" ] || printf '%s\n' "$ARTIFACTS_CA" | write_file "$state/artifacts-ca.crt" 0644 || true
  [ -n "$REGISTRY" ] || return 0
  local host="${REGISTRY%%/*}" ca=""
  local directory="/etc/containerd/certs.d/$host"
  install -d -m 0755 "$directory"
  if [ -n "$REGISTRY_CA" ]; then
    printf '%s\n' "$REGISTRY_CA" | write_file "$directory/ca.crt" 0644 || true
    ca="ca = \"$directory/ca.crt\""
  fi
  # The CA stands at both levels: with the inner one alone a missing image is reported as an unknown authority.
  printf '%s\n' "server = \"https://$host\"" "$ca" "" "[host.\"https://$host\"]" '  capabilities = ["pull", "resolve"]' "  $ca" |
    write_file "$directory/hosts.toml" 0644 || true
}

install_kubernetes() {
  local directory="$opt/kubernetes/$KUBERNETES_VERSION" name digest
  install -d -m 0755 "$directory"
  for name in kubeadm kubelet kubectl; do
    digest="${name^^}_DIGEST"
    download "$KUBERNETES_URL/$KUBERNETES_VERSION/bin/linux/amd64/$name" "${!digest}" "$directory/$name" 0755 &
  done
  local job
  for job in $(jobs -p); do wait "$job" || exit 1; done
  # A node keeps the programs it runs until its turn to be upgraded comes.
  if [ ! -e /etc/kubernetes/kubelet.conf ]; then
    for name in kubeadm kubelet kubectl; do ln -sfn "$directory/$name" "/usr/local/bin/$name"; done
  fi
}

install_cni_plugins() {
  # What is there keeps its mode.
  mkdir -p /opt/cni/bin /etc/cni/net.d "$opt/cni"
  local archive="$opt/cni/${CNI_URL##*/}"
  download "$CNI_URL" "$CNI_DIGEST" "$archive" 0644
  if [ ! -f "$opt/cni/installed" ] || [ "$(cat "$opt/cni/installed")" != "$CNI_DIGEST" ] || [ ! -x /opt/cni/bin/bridge ]; then
    tar --extract --gzip --no-same-owner --directory /opt/cni/bin --file "$archive"
    echo "$CNI_DIGEST" >"$opt/cni/installed"
  fi
}

configure_containerd() {
  local major sandbox="$SANDBOX_IMAGE"
  major="$(containerd --version | sed -E 's/^\S+ \S+ v?([0-9]+)\..*/\1/')"
  [ -n "$sandbox" ] || sandbox="$(kubeadm_images | grep '/pause:')"
  [ -n "$SANDBOX_IMAGE" ] || [ -z "$REGISTRY" ] || sandbox="$REGISTRY/${sandbox##*/}"
  install -d -m 0755 /etc/containerd /etc/containerd/certs.d
  local restrict=false
  has_sys_resource || restrict=true
  "containerd_config_$([ "$major" -ge 2 ] && echo 3 || echo 2)" "$sandbox" "$restrict" | write_file /etc/containerd/config.toml 0600 || true
  restart_if_changed containerd.service /etc/containerd/config.toml
  systemctl is-enabled --quiet containerd || systemctl enable --quiet containerd
  systemctl is-active --quiet containerd || systemctl start containerd
  wait_for 60 "containerd" ctr version || fail "$HOST_NAME: containerd does not answer: $(journalctl --unit containerd --lines 3 --no-pager --output cat)"
}

kubeadm_images() {
  "$opt/kubernetes/$KUBERNETES_VERSION/kubeadm" config images list --kubernetes-version "$KUBERNETES_VERSION" 2>/dev/null
}

containerd_config_2() {
  cat <<TOML
version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$1"
  restrict_oom_score_adj = $2
  device_ownership_from_security_context = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
TOML
}

containerd_config_3() {
  cat <<TOML
version = 3

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "$1"
[plugins."io.containerd.cri.v1.images".registry]
  config_path = "/etc/containerd/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = $2
  device_ownership_from_security_context = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = true
TOML
}

# The images come in the background, beside all that does not need them.
start_images() {
  systemctl is-active --quiet stratiform-images.service && return 0
  if [ "$UPSTREAM_IMAGES" = yes ]; then IMAGES="$IMAGES"$'\n'"$(kubeadm_images | sed 's/$/ -/')"; fi
  (umask 077 && {
    declare -p HOST_NAME IMAGES
    declare -f say fail pull_images pull_image
    echo "set -euo pipefail; pull_images"
  } >/run/stratiform/images.sh)
  systemd-run --quiet --collect --unit=stratiform-images.service --setenv=PATH="$PATH" /bin/bash /run/stratiform/images.sh
}

configure_kubelet() {
  write_file /etc/systemd/system/kubelet.service 0644 <<'UNIT' || true
[Unit]
Description=Kubernetes node agent
After=network-online.target containerd.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
UNIT
  install -d -m 0755 /etc/stratiform/patches
  {
    echo "apiVersion: kubelet.config.k8s.io/v1beta1"
    echo "kind: KubeletConfiguration"
    ! cgroup_v1 || echo "failCgroupV1: false"
    has_sys_resource || echo "oomScoreAdj: 0"
    # Swap that no fstab names (zram, a partition found by its type) comes back with a reboot.
    echo "failSwapOn: false"
  } | write_file /etc/stratiform/patches/kubeletconfiguration0+merge.yaml 0644 || true
  systemctl daemon-reload
  systemctl enable --quiet kubelet.service
}
