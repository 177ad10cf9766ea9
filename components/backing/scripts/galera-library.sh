#!/bin/sh
# What the scripts of a database member share. Environment: POD_NAME, POD_IP, MEMBERS_FILE (holds how many there
# are), MEMBERS_SERVICE (name that resolves to all that run), DATA and RUN (directories; RUN is in memory), CONFIG (my.cnf), SOCAT, MARIADB, MARIADB_ADMIN.

# Where a member says how it is: see put_state.
state_port=4569
ordinal=${POD_NAME##*-}
no_cluster=00000000-0000-0000-0000-000000000000

say() { printf 'member %s: %s\n' "$ordinal" "$*"; }

# What this member tells whoever connects to its state port:
#   waiting UUID SEQNO SAFE   it waits for all others to know who has the newest data
#   starting                  its server is on the way up
#   primary [ready]           it is in the component that takes writes; ready: and takes some itself
#   apart                     its server runs, but without a majority
#   deaf                      its server does not answer
#   leaving                   it was told to stop
#   damaged                   nobody knows how far its data reach
put_state() {
  printf '%s %s\n' "$ordinal" "$*" >"$RUN/state.new"
  mv -f "$RUN/state.new" "$RUN/state"
}

# Addresses of the other members that run.
other_addresses() {
  getent ahostsv4 "$MEMBERS_SERVICE" | while read -r address kind _; do
    [ "$kind" != STREAM ] || [ "$address" = "$POD_IP" ] || echo "$address"
  done
}

# What the members at some addresses say, one a line, each with its address in front.
ask() {
  for address in "$@"; do
    # shellcheck disable=SC2086 # a program and its arguments
    answer="$(timeout 3 $SOCAT -u "TCP4:$address:$state_port,connect-timeout=2" - 2>/dev/null | head -n 1)" || answer=
    [ -z "$answer" ] || printf '%s %s\n' "$address" "$answer"
  done
}

# decide OWN_ORDINAL MEMBERS: reads what all members say, its own member included, as `ask` prints it. Says "join" where a
# member takes writes, "bootstrap" where it is for this member to begin, else "wait" and why. The same answers give every
# member the same result, and nobody begins who does not know how far the data of every other member reach.
decide() {
  known=' ' busy='' best_ordinal='' best_seqno=-3 best_safe=0 cluster='' lost=no
  while read -r _ who what uuid seqno safe; do
    case "$what" in
      '') continue ;;
      primary) echo join && return 0 ;;
      # Of a volume that was left over when there were more members.
      waiting) [ "$who" -lt "$2" ] || continue ;;
      *) busy="$busy $who ($what)" && continue ;;
    esac
    known="$known$who "
    [ "$seqno" -ne -2 ] || lost=yes
    if [ "$seqno" -ge 0 ]; then
      [ -z "$cluster" ] || [ "$cluster" = "$uuid" ] || cluster=several
      [ "$cluster" = several ] || cluster=$uuid
    fi
    if [ "$seqno" -gt "$best_seqno" ] || { [ "$seqno" -eq "$best_seqno" ] && { [ "$safe" -gt "$best_safe" ] ||
      { [ "$safe" -eq "$best_safe" ] && [ "$who" -lt "$best_ordinal" ]; }; }; }; then
      best_ordinal=$who best_seqno=$seqno best_safe=$safe
    fi
  done
  unknown='' number=0
  while [ "$number" -lt "$2" ]; do
    case "$known" in *" $number "*) ;; *) unknown="$unknown $number" ;; esac
    number=$((number + 1))
  done
  if [ -n "$busy" ]; then
    echo "wait for members$busy"
  elif [ -n "$unknown" ]; then
    echo "wait for what members$unknown say"
  elif [ "$cluster" = several ]; then
    echo "wait for hands: members hold data of different clusters; keep the volume of the right one, delete the others' volume claims and pods"
  elif [ "$best_seqno" -lt 0 ] && [ "$lost" = yes ]; then
    echo "wait for hands: no member has whole data; restore them, or delete all volume claims and pods to begin with nothing"
  elif [ "$best_ordinal" = "$1" ]; then
    echo bootstrap
  else
    echo "wait for member $best_ordinal, which has the newest data"
  fi
}

# How the server is, in the words of put_state; "deaf" if it does not answer.
server_state() {
  # shellcheck disable=SC2086 # a program and its arguments
  status="$(timeout 3 $MARIADB --defaults-file="$CONFIG" --skip-column-names --batch --execute \
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_local_state', 'wsrep_ready')" 2>/dev/null | tr '\t\n' '= ')"
  case " $status" in
    *' wsrep_cluster_status=Primary '*) ;;
    *' wsrep_cluster_status='*) echo apart && return 0 ;;
    *) echo deaf && return 0 ;;
  esac
  # A donor (2) goes on taking writes, as does who is synced (4).
  case " $status" in
    *' wsrep_local_state=2 '* | *' wsrep_local_state=4 '*) ;;
    *) echo primary && return 0 ;;
  esac
  case " $status" in
    *' wsrep_ready=ON '*) echo 'primary ready' ;;
    *) echo primary ;;
  esac
}
