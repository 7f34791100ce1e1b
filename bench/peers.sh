#!/bin/sh
# Builds the load generator, our node (Release) and the peers into bench/out, measures them in one go and prints one Markdown table.
#   bench/peers.sh                  all tests, medians of 3: more than an hour (it says how long at the start)
#   bench/peers.sh main pace        two tests
#   bench/peers.sh --quick          one short run each: does everything work? some minutes
#   bench/peers.sh --help           tests, peers, options
# Progress goes to standard error, the table to standard output. Exit code 1 when our node lost, repeated or reordered a delivery.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1

# 10,000 connections on each side, and a few more.
if ! ulimit -n 20000 2>/dev/null && [ "$(ulimit -n)" != unlimited ] && [ "$(ulimit -n)" -lt 10500 ]; then
    echo "The file limit is $(ulimit -n); 'big', 'fair' and 'idle' need 10,500: raise it with ulimit -n" >&2
fi
exec python3 "$here/peers/run.py" "$@"
