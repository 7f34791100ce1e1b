#!/usr/bin/env bash
# Installs what the tests need, builds everything with warnings as errors, runs all tests.
# Ends with one line: "N passed, N failed" and, where there are some, "N skipped", summed from the results the runner wrote.
#   ./test.sh                 everything
#   ./test.sh Kernel Redis    only test projects whose name contains one of the words
#   ./test.sh --long          the tests of chance long, tens of minutes: 200 kills of nodes with SQLite, 50 with PostgreSQL and with Redis, 20 power cuts of each, ...
#   ./test.sh --long=20       20 per cent of that
# Power cuts, full disks and bad networks need file systems and networks of their own: as root, on Linux. Elsewhere these tests are skipped.
set -u
cd "$(dirname "$0")"
hang=8m
case "${1:-}" in
    --long | --long=*)
        RELAY_LONG=${1#--long}
        RELAY_LONG=${RELAY_LONG#=}
        export RELAY_LONG=${RELAY_LONG:-100}
        if ! [[ "$RELAY_LONG" =~ ^[1-9][0-9]*$ ]]; then
            echo "--long takes per cent, such as --long=20" >&2
            exit 2
        fi
        hang=90m
        shift
        ;;
esac
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 MSBUILDDISABLENODEREUSE=1

# Programs that live for seconds: measuring them to compile them again better costs a quarter of the whole and comes too late for most.
export DOTNET_TieredPGO=0 DOTNET_TC_CallCountThreshold=300

if ! command -v dotnet >/dev/null 2>&1; then
    echo "The .NET 10 SDK is needed: https://dotnet.microsoft.com/download/dotnet/10.0" >&2
    exit 1
fi

# The real servers that the tests start themselves, and what the examples are written in.
have_postgres() { command -v initdb >/dev/null 2>&1 || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
missing=()
command -v redis-server >/dev/null 2>&1 || missing+=(redis-server)
have_postgres || missing+=(postgresql)
command -v python3 >/dev/null 2>&1 || missing+=(python3)
compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(faketime)
command -v haproxy >/dev/null 2>&1 || missing+=(haproxy)
command -v node >/dev/null 2>&1 || missing+=(nodejs)
command -v npm >/dev/null 2>&1 || missing+=(npm)
command -v chromium >/dev/null 2>&1 || missing+=(chromium)
if [ "$(id -u)" = 0 ]; then
    # For disks that lose their power, or fail, and for networks that do: only root can have them.
    command -v mkfs.xfs >/dev/null 2>&1 || missing+=(xfsprogs)
    command -v mkfs.ext4 >/dev/null 2>&1 || missing+=(e2fsprogs)
    command -v strace >/dev/null 2>&1 || missing+=(strace)
    command -v ip >/dev/null 2>&1 || missing+=(iproute2)
fi
if [ "${#missing[@]}" -gt 0 ]; then
    echo "Installing ${missing[*]} ..."
    sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    export DEBIAN_FRONTEND=noninteractive
    if ! { "${sudo[@]}" apt-get update -q && "${sudo[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"; } >/tmp/actorrelay-apt.$$ 2>&1; then
        tail -n 20 "/tmp/actorrelay-apt.$$" >&2
        rm -f "/tmp/actorrelay-apt.$$"
        echo "Cannot install ${missing[*]}. Install them by hand and run again." >&2
        exit 1
    fi
    rm -f "/tmp/actorrelay-apt.$$"
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Without installing the server it comes with. Where it cannot be had, the tests that need it are skipped.
if ! command -v promtool >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1; then
    (mkdir "$results/tools" && cd "$results/tools" && apt-get download -q prometheus && dpkg -x prometheus_*.deb .) >/dev/null 2>&1 &
    export PATH="$PATH:$results/tools/usr/bin"
fi

# "tests/X/X.csproj" -> "X", "tests/X/X.csproj,part" -> "X-part".
name_of() { basename "${1/.csproj,/-}" .csproj; }

wanted() {
    [ "${#words[@]}" -eq 0 ] && return 0
    local word
    for word in "${words[@]}"; do [[ "$1" == *"$word"* ]] && return 0; done
    return 1
}

# The longest parts first; the others fill what they leave.
words=("$@") parts=() others=()
for project in tests/*/*.Tests.csproj; do
    name=$(basename "$project" .csproj)
    if ! wanted "$name"; then continue; fi
    if [ "$name" = Relay.EndToEnd.Tests ]; then
        parts+=("$project,alone" "$project,cluster" "$project,faults")
    else
        others+=("$project")
    fi
done
parts+=(${others[@]+"${others[@]}"})
if [ "${#parts[@]}" -eq 0 ]; then
    echo "No test project's name contains: ${words[*]}" >&2
    echo "0 passed, 0 failed"
    exit 1
fi

# Whole nodes are started by the hundred: compiled ahead they leave more of the machine to the tests. As the image has them: its own command, on what it copies.
publish() {
    local sources publish architecture=amd64
    mkdir "$results/source"
    read -ra sources <<<"$(sed -n '/ AS build$/,$ s/^COPY \([^-].*\) [^ ]*$/\1/p' Dockerfile | tr '\n' ' ')"
    tar -c --exclude=bin --exclude=obj "${sources[@]}" | tar -x -C "$results/source" || return
    case "$(uname -m)" in aarch64 | arm64) architecture=arm64 ;; esac
    publish=$(sed -n 's/^.*\(dotnet publish .*\) -o .*$/\1/p' Dockerfile)
    read -ra publish <<<"${publish//\$TARGETARCH/$architecture}"
    cd "$results/source" && "${publish[@]}" -nodeReuse:false -v quiet -o "$results/node"
}
publishing=
if [[ "${parts[*]}" =~ EndToEnd|Deploy|Node|Bench|Dashboard|Clients ]]; then
    publish >"$results/publish.log" 2>&1 &
    publishing=$!
fi

echo "Building ..."
if ! dotnet build ActorRelay.sln -c Release -nodeReuse:false -v quiet -clp:NoSummary; then
    echo "The build failed." >&2
    echo "0 passed, 1 failed"
    exit 1
fi

# Runs one test project, or the part of it that is named behind a comma, tells how it went and leaves its counts.
run() {
    local name started=$SECONDS trx code counters p f t e s report project=${1%%,*} filter=()
    name=$(name_of "$1")
    case "$1" in
        *,faults) filter=(--filter 'FullyQualifiedName~.Cluster.ClusterCrash|FullyQualifiedName~.Cluster.ClusterFault|FullyQualifiedName~.Cluster.ClusterSentinel|FullyQualifiedName~.Cluster.ClusterUpdates') ;;
        *,cluster) filter=(--filter 'FullyQualifiedName~.Cluster.&FullyQualifiedName!~.ClusterCrash&FullyQualifiedName!~.ClusterFault&FullyQualifiedName!~.ClusterSentinel&FullyQualifiedName!~.ClusterUpdates') ;;
        *,alone) filter=(--filter 'FullyQualifiedName!~.Cluster.') ;;
    esac
    trx="$results/$name.trx"
    dotnet test "$project" ${filter[@]+"${filter[@]}"} -c Release --no-build -nodeReuse:false --logger "trx;LogFileName=$trx" --blame-hang-timeout "$hang" --blame-hang-dump-type none \
        >"$results/$name.log" 2>&1
    code=$?
    counters=$(grep -o '<Counters [^>]*>' "$trx" 2>/dev/null | head -n 1)
    number() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counters"; }
    p=$(number passed) f=$(number failed) t=$(number total) e=$(number executed)
    p=${p:-0} f=${f:-0} t=${t:-0} e=${e:-0}
    s=$((t - e))
    # A runner that died, hung or ran nothing is a failure even if no single test says so.
    if [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    if [ "$t" -eq 0 ]; then f=1; fi
    report=$(
        if [ "$f" -gt 0 ]; then cat "$results/$name.log"; fi
        printf '%-30s %5d passed, %d failed, %d skipped  (%d s)\n' "$name" "$p" "$f" "$s" $((SECONDS - started))
        if [ "$s" -gt 0 ]; then
            grep -A 4 'outcome="NotExecuted"' "$trx" | sed -n 's/.*<Message>\(.*\)<\/Message>.*/\1/p' | sort | uniq -c | sed 's/^ *\([0-9]*\) /    \1 skipped: /'
        fi
        if [ -n "${RELAY_LONG:-}" ]; then
            sed -n 's/^\(.*<StdOut>\)\?\([0-9]* \(kills\|power cuts\|failed syncs\|faults\|clients\)[:,] .*\)/\2/p' "$trx" | sed 's/<\/StdOut>.*//; s/^/    /'
        fi
    )
    printf '%s\n' "$report"
    echo "$p $f $s" >"$results/$name.counts"
}

# Three at a time, as much as two cores take: the tests of whole nodes and of clusters mostly wait (for starts, disks, keep-alives, leases). Tests of chance that run long have the machine
# for themselves. In a process group of their own, so that they can be ended with all they started.
at_once=3
[ -z "${RELAY_LONG:-}" ] || at_once=1
if [ -n "$publishing" ]; then
    if ! wait "$publishing"; then
        cat "$results/publish.log" >&2
        echo "The node could not be published as the image does." >&2
        echo "0 passed, 1 failed"
        exit 1
    fi
    rm -rf "$results/source"
    export RELAY_NODE="$results/node"
fi
export results hang
export -f run name_of
set -m
printf '%s\0' "${parts[@]}" | xargs -0 -n 1 -P "$at_once" bash -c 'set -u; run "$1"' run &
running=$!
set +m
trap 'kill -- "-$(ps -o pgid= -p "$running" | tr -d " ")" 2>/dev/null; exit 130' INT TERM
wait "$running"

passed=0 failed=0 skipped=0
for part in "${parts[@]}"; do
    # One that left no counts died.
    p=0 f=1 s=0
    read -r p f s 2>/dev/null <"$results/$(name_of "$part").counts" || { p=0 f=1 s=0; }
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done

if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
