#!/bin/sh
# Builds our node and the load tool (Release) into bench/out, measures how clients come back with --resume, and prints one Markdown table.
#   bench/resume.sh                     all cases: some minutes
#   bench/resume.sh one-sql many-100-sql some of them
#   bench/resume.sh --no-build …        measures what is in bench/out
# Each case has a node of its own on a free port, with its journal (SQLite) in a temporary folder below TMPDIR, which is removed again. Cases with "sql" kill
# the node with SIGKILL while the clients are away and start it anew. Progress goes to standard error, the table to standard output. Exit code 1 when an event
# was missing, repeated or out of order, or somebody did not come back.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
out=${BENCH_OUT:-$here/out}
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1

# Server on the first core, generator on the second, where there are two.
on_first= on_second=
if command -v taskset >/dev/null 2>&1 && [ "$(nproc)" -ge 2 ]; then
    on_first="taskset -c 0" on_second="taskset -c 1"
fi

# Starts a node with the arguments in $1/arguments, one per line, and waits until it is ready; its id is in $1/pid.
start_node() {
    : >"$1/node.log"
    # shellcheck disable=SC2046,SC2086 # no argument holds a blank
    $on_first dotnet "$out/relay/Relay.Node.dll" $(cat "$1/arguments") >"$1/node.log" 2>&1 &
    echo $! >"$1/pid"
    until grep -q '^ready' "$1/node.log"; do
        if ! is_running "$(cat "$1/pid")"; then
            cat "$1/node.log" >&2
            return 1
        fi
        sleep 0.02
    done
}

# Ends the node without a warning and waits until it is gone.
kill_node() {
    [ -s "$1/pid" ] || return 0
    kill -9 "$(cat "$1/pid")" 2>/dev/null || :
    while is_running "$(cat "$1/pid")"; do
        sleep 0.01
    done
    rm "$1/pid"
}

# A child that nobody has waited for stays in /proc as a zombie; as long as it has other threads than the first, they still hold files and ports.
is_running() {
    [ -d "/proc/$1/task" ] && { [ "$(ls "/proc/$1/task" 2>/dev/null | wc -l)" -gt 1 ] || ! grep -q ') Z ' "/proc/$1/stat" 2>/dev/null; }
}

# What the load tool calls while the clients are away.
if [ "${1:-}" = --restart ]; then
    kill_node "$2"
    start_node "$2"
    cat "$2/pid"
    exit
fi

if ! ulimit -n 20000 2>/dev/null && [ "$(ulimit -n)" != unlimited ] && [ "$(ulimit -n)" -lt 10500 ]; then
    echo "The file limit is $(ulimit -n); 10,000 clients need 10,500: raise it with ulimit -n" >&2
fi

if [ "${1:-}" = --no-build ]; then
    shift
else
    for project in src/Relay.Node:relay bench/Relay.Bench:load; do
        echo "building ${project%:*} …" >&2
        dotnet publish "$here/../${project%:*}" -c Release -o "$out/${project#*:}" --artifacts-path "$out/artifacts" -nodeReuse:false -v quiet >&2
    done
fi

work=
clean() {
    if [ -n "$work" ]; then
        kill_node "$work"
        rm -rf "$work"
        work=
    fi
}
trap clean EXIT
trap 'exit 130' INT TERM

# case name, clients, channels, missed by each, further arguments of the tool
measure() {
    name=$1 clients=$2 channels=$3 missed=$4
    shift 4
    work=$(mktemp -d)
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    {
        echo "--Relay:Listeners:main:Url=http://127.0.0.1:$port"
        echo "--Relay:Listeners:hooks:Url="
        echo "--Relay:Listeners:context:Url="
        case $name in
            *sql*)
                echo "--Relay:Namespaces:topics:Durability=sql"
                echo "--Relay:Storage:Path=$work/data"
                ;;
        esac
    } >"$work/arguments"
    case $name in
        *sql*) set -- "$@" --restart-command "sh '$here/resume.sh' --restart '$work'" ;;
    esac
    start_node "$work"
    echo "$name: $clients clients, $channels channels, $missed missed by each" >&2
    if $on_second dotnet "$out/load/Relay.Bench.dll" --url "http://127.0.0.1:$port" --resume --subscribers "$clients" --channels "$channels" --missed "$missed" \
        --window 512 --drain 30 --connect-timeout 120 --server-pid "$(cat "$work/pid")" --label "$name" --output "$work/report.json" "$@" >"$work/report.txt"; then
        :
    else
        failed=1
    fi
    cat "$work/report.txt" >&2
    if [ -s "$work/report.json" ]; then
        python3 - "$work/report.json" <<'PYTHON'
import json, sys

report = json.load(open(sys.argv[1]))
resume, checks = report.get("resume") or {}, report["checks"]
time, server = resume.get("latency_us") or {}, resume.get("server") or {}
ms = lambda name: f'{time[name] / 1000:,.1f}' if time.get("count") else "-"
mib = lambda name: f'{server[f"resident_{name}_mib"]:.0f}' if server else "-"
cells = [
    report["label"], f'{report["subscribers"]:,}', f'{report["channels"]:,}', f'{resume.get("missed_each", 0):,}', resume.get("restart_seconds", "-"),
    f'{resume.get("back", 0):,}', resume.get("seconds_until_all_back", "-"), ms("p50"), ms("p90"), ms("p99"), ms("max"), server.get("cpu_seconds", "-"),
    f'{mib("before")} / {mib("peak")} / {mib("after")}', f'{checks["missing"]}/{checks["duplicates"]}/{checks["out_of_order"]}',
]
print("|", " | ".join(map(str, cells)), "|")
PYTHON
    fi
    clean
}

failed=0
[ $# -gt 0 ] || set -- one-memory one-sql each-memory each-sql many-100-memory many-100-sql many-10000-memory many-10000-sql
echo "| case | clients | channels | missed | restart s | back | until all back s | p50 ms | p90 ms | p99 ms | max ms | server CPU s | resident MiB before / peak / after | missing/repeated/reordered |"
echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
for name in "$@"; do
    case $name in
        one-memory | one-sql) measure "$name" 1 1 1000 ;;
        each-memory | each-sql) measure "$name" 50 50 1000 --connect-rate 10 ;;
        many-100-memory | many-100-sql) measure "$name" 10000 100 100 ;;
        many-10000-memory | many-10000-sql) measure "$name" 10000 10000 10 ;;
        *)
            echo "no such case: $name; there are one, each, many-100 and many-10000, each with -memory and -sql" >&2
            exit 2
            ;;
    esac
done
exit $failed
