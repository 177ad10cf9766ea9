#!/bin/sh
# As much of curl as tests and user data use, by wget: GET and POST, -d, -H, -o, -m; -s -S -f -L -k -i are taken and do nothing.
data=
output=-
limit=30
url=
method=
set_header() { headers="$headers
--header=$1"; }
headers=
while [ $# -gt 0 ]; do
  case $1 in
  -X | --request) method=$2 && shift ;;
  -d | --data | --data-binary) data=$2 && shift ;;
  -H | --header) set_header "$2" && shift ;;
  -o | --output) output=$2 && shift ;;
  -m | --max-time | --connect-timeout) limit=${2%%.*} && shift ;;
  --url) url=$2 && shift ;;
  -*) ;;
  *) url=$1 ;;
  esac
  shift
done
case $method in
'' | GET | POST) ;;
*) echo "curl: this one cannot do $method" >&2 && exit 2 ;;
esac
[ -n "$url" ] || { echo "curl: no URL" >&2 && exit 2; }
case $url in *://*) ;; *) url=http://$url ;; esac
set --
[ -z "$data" ] && [ "$method" != POST ] || set -- --post-data "$data"
IFS='
'
# shellcheck disable=SC2086 # a header a line
exec wget -q -T "$limit" -O "$output" $headers "$@" "$url"
