#!/bin/sh
# Runs Tempest in its pod, and keeps the results until they are fetched. Arguments: those of "tempest run". In the
# environment: IMAGE (the guest's image) and LIMIT (longest run of the tests, in seconds; when it is over, "overtime" stands
# among the results, which go as far as the tests came). Inputs in /etc/stratiform/input: clouds.yaml, tempest.conf, tempest_results.py.
set -u
input=/etc/stratiform/input
work=/work
# Longest wait for somebody to fetch the results, in seconds.
patience=1800
export HOME=$work OS_CLIENT_CONFIG_FILE=$input/clouds.yaml OS_CLOUD=admin
# "tempest init" locks as the configuration says, so it is to know it already.
export TEMPEST_CONFIG_DIR=$input TEMPEST_CONFIG=tempest.conf
results=$work/results
mkdir -p "$results" "$work/locks"

end() { # exit code
  echo "$1" >"$work/finished"
  # On a line of its own: the last one of Tempest may have no end.
  printf '\nstratiform-tempest: finished with %s\n' "$1"
  waited=0
  while [ ! -e "$work/fetched" ] && [ "$waited" -lt "$patience" ]; do
    waited=$((waited + 1))
    sleep 1
  done
  exit "$1"
}

openstack image save --file "$work/guest.qcow2" "$IMAGE" || end 70
cd "$work" || end 70
# It says why it fails in its log only.
tempest init stratiform >"$results/init.log" 2>&1 || { tail -n 20 "$results/init.log" "$work/tempest.log"; end 70; }
cd stratiform || end 70
# The results say what failed. They are written down as they come: Tempest's own store of them takes whole runs only.
{
  timeout --kill-after=30 "$LIMIT" tempest run --subunit "$@" 2>"$results/errors.log"
  case $? in 124 | 137) : >"$results/overtime" ;; esac
} | tee "$results/tempest.subunit" | subunit-trace --fails 2>&1 | tee "$results/run.log"
python3 -B "$input/tempest_results.py" <"$results/tempest.subunit" >"$results/results.json" || end 70
cp "$work/tempest.log" "$results/" 2>/dev/null
end 0
