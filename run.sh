#!/bin/sh
# Builds ActorRelay and runs one node with its embedded defaults: no Redis, no database, no configuration.
# Arguments go to the node: ./run.sh --Relay:Listeners:main:Url=http://127.0.0.1:9000    ./run.sh --help
set -eu

root=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
project="$root/src/Relay.Node/Relay.Node.csproj"
output="$root/artifacts/run"

if ! command -v dotnet >/dev/null 2>&1; then
    echo "ActorRelay needs the .NET 10 SDK, and there is no 'dotnet' here. Get it from https://dotnet.microsoft.com/download/dotnet/10.0" >&2
    exit 1
fi
if ! dotnet --list-sdks | grep -q '^10\.'; then
    echo "ActorRelay needs the .NET 10 SDK; installed are:" >&2
    dotnet --list-sdks >&2
    echo "Get it from https://dotnet.microsoft.com/download/dotnet/10.0" >&2
    exit 1
fi

printf 'building … ' >&2
if ! log=$(cd "$root" && dotnet build "$project" -c Release -o "$output" --nologo -v quiet 2>&1); then
    echo "failed" >&2
    printf '%s\n' "$log" >&2
    exit 1
fi
echo "done" >&2

# The dashboard needs Node and npm; the node does not need the dashboard. It is built again when something of it is newer than what was built.
dashboard="$root/dashboard"
build_dashboard() {
    if [ ! -f node_modules/.package-lock.json ] || [ -n "$(find package-lock.json -newer node_modules/.package-lock.json)" ]; then
        npm ci --ignore-scripts --no-audit --no-fund || return
    fi
    npm run build
}
if [ -f "$dashboard/dist/index.html" ] && [ -z "$(find "$dashboard/src" "$dashboard/public" "$dashboard"/*.* "$root/clients/typescript/src" -newer "$dashboard/dist/index.html" -type f | head -n 1)" ]; then
    :
elif ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
    echo "no dashboard, a simple page instead: it is built with Node.js 20.19 or newer and npm, which are not here" >&2
else
    printf 'building the dashboard … ' >&2
    if log=$(cd "$dashboard" && build_dashboard 2>&1); then
        echo "done" >&2
    else
        echo "failed; the node runs without it:" >&2
        printf '%s\n' "$log" | tail -n 15 >&2
    fi
fi
rm -rf "$output/wwwroot"
[ ! -f "$dashboard/dist/index.html" ] || cp -R "$dashboard/dist" "$output/wwwroot"

case " $* " in
    *" --help "* | *" --version "* | *" --check "*) ;;
    *)
        cat >&2 <<'TEXT'
When it says "ready":  open the "listening main" address in a browser; WebSocket clients connect to /ws, /relay, and to the
                       addresses of "hooks" and "context". Ctrl-C ends it; --help lists every setting.
TEXT
        ;;
esac

# exec: signals reach the node itself, and its exit code is this script's. A shell without job control starts background jobs with SIGINT ignored,
# which a program inherits; where env can undo that, kill -INT ends the node there as Ctrl-C does in a terminal.
if env --default-signal=INT true 2>/dev/null; then
    exec env --default-signal=INT dotnet "$output/Relay.Node.dll" "$@"
fi
exec dotnet "$output/Relay.Node.dll" "$@"
