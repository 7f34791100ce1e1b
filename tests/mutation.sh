#!/usr/bin/env bash
# Changes the code of sequence, fence, journal and resume in hundreds of places, one at a time, and runs the tests of plain data against each change: a change that no
# test finds is a hole in the tests. Prints one line per file with the share that was found. The exit code is 1 if a file is below 80 %.
#   tests/mutation.sh                      everything, an hour on two cores
#   tests/mutation.sh Kernel               only test projects whose name contains one of the words
#   tests/mutation.sh --file=EventRing     only this file
#   tests/mutation.sh --survivors ...      also prints what was not found
# What is changed and which tests run stands in tests/*/stryker-config.json; slow tests are left out, so the true share is higher. Reports: out/mutation.
set -u
cd "$(dirname "$0")/.."
least=80
file='' survivors=no words=()
for argument in "$@"; do
    case "$argument" in
        --file=*) file=${argument#--file=} file=${file%.cs} ;;
        --survivors) survivors=yes ;;
        -*)
            echo "Unknown: $argument" >&2
            exit 2
            ;;
        *) words+=("$argument") ;;
    esac
done
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 MSBUILDDISABLENODEREUSE=1

# Milliseconds: the tool asks the SDK where it is, and on a busy machine does not wait for the answer.
export DOTNET_INFO_WAIT_TIME=120000
if ! dotnet tool restore >/dev/null; then
    echo "The tool of .config/dotnet-tools.json cannot be installed." >&2
    exit 1
fi

summary() {
    python3 - "$1" "$survivors" "$least" <<'PYTHON'
import json, os, sys

report, survivors, least = sys.argv[1], sys.argv[2] == "yes", float(sys.argv[3])
with open(report, encoding="utf-8") as opened:
    files = json.load(opened)["files"]
good, some = True, False
for path, content in sorted(files.items()):
    mutants = content["mutants"]
    found = [one for one in mutants if one["status"] in ("Killed", "Timeout")]
    missed = [one for one in mutants if one["status"] in ("Survived", "NoCoverage")]
    if not found and not missed:
        continue
    some = True
    share = 100 * len(found) / (len(found) + len(missed))
    good = good and share >= least
    print(f"{os.path.basename(path):32} {share:6.1f} %  {len(found):4} of {len(found) + len(missed):4}", flush=True)
    if survivors:
        for one in missed:
            place = one["location"]["start"]
            print(f"    {place['line']}:{place['column']} {one['status']} {one['mutatorName']}: {' '.join(one.get('replacement', '').split())[:120]}")
sys.exit(0 if good and some else 1)
PYTHON
}

code=0 ran=0
for config in tests/*/stryker-config.json; do
    project=$(basename "$(dirname "$config")")
    if [ "${#words[@]}" -gt 0 ]; then
        wanted=no
        for word in "${words[@]}"; do [[ "$project" == *"$word"* ]] && wanted=yes; done
        [ "$wanted" = yes ] || continue
    fi
    only=()
    if [ -n "$file" ]; then
        path=$(grep -rl --include="$file.cs" '' src | head -n 1)
        folder=$(basename "$(dirname "${path:-/none/none}")")
        grep -q "/$folder/\($file\|\*\)\.cs" "$config" || continue
        only=(--mutate "**/$folder/$file.cs")
    fi
    ran=1
    output="$PWD/out/mutation/$project"
    rm -rf "$output"
    mkdir -p "$output"
    if ! (cd "tests/$project" && dotnet stryker "${only[@]}" -O "$output") >"$output/log" 2>&1; then
        tail -n 40 "$output/log" >&2
        code=1
        continue
    fi
    summary "$output/reports/mutation-report.json" || code=1
done
if [ "$ran" = 0 ]; then
    echo "Nothing is called that." >&2
    exit 2
fi
exit "$code"
