#!/bin/sh
# Builds ActorRelay and runs several nodes of one cluster as processes of this machine, behind a small TCP balancer:
#   ./cluster.sh 3                                   three nodes; what to open, to kill and to drain is printed
#   ./cluster.sh 3 --port 9000                       the balancer on another port than 8080
#   REDIS=127.0.0.1:6379 ./cluster.sh 3              with a Redis that runs already, instead of one of its own
#   ./cluster.sh 3 --Relay:Cluster:Shards=16         whatever begins with --Relay: goes to every node
# Needs the .NET 10 SDK, python3, and redis-server unless REDIS is given.
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
output="$root/artifacts/cluster"

for program in dotnet python3; do
    if ! command -v "$program" >/dev/null 2>&1; then
        echo "$program is needed and not here" >&2
        exit 1
    fi
done

case " $* " in
    *" --help "*) exec python3 "$root/deploy/local/cluster.py" --help ;;
esac

printf 'building … ' >&2
if ! log=$(cd "$root" && dotnet build src/Relay.Node/Relay.Node.csproj -c Release -o "$output" --nologo -v quiet 2>&1); then
    echo "failed" >&2
    printf '%s\n' "$log" >&2
    exit 1
fi
echo "done" >&2

exec python3 "$root/deploy/local/cluster.py" --node "$output/Relay.Node.dll" "$@"
