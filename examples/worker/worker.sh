#!/usr/bin/env bash
# The same worker with redis-cli.   ./worker.sh [user]        REDIS=host:port   STREAM=updates:stream for XADD   PAUSE=seconds
set -eu
user=${1:-alice} redis=${REDIS:-127.0.0.1:6379} stream=${STREAM:-} pause=${PAUSE:-0.4}

publish() { # type, payload as JSON
    local message="{\"target_user_id\":\"$user\",\"type\":\"$1\",\"payload\":$2}"
    if [ -n "$stream" ]; then
        redis-cli -h "${redis%:*}" -p "${redis##*:}" XADD "$stream" '*' json "$message"
    else
        redis-cli -h "${redis%:*}" -p "${redis##*:}" PUBLISH updates "$message"
    fi
}

publish agent_update '{"agent_id":"agent-2","status":"running","progress":0}'
index=0
for text in 'Looked at 40 logs. ' 'Three name the same host. ' 'It ran out of disk at 03:12.'; do
    sleep "$pause"
    publish report_chunk "{\"agent_id\":\"agent-2\",\"index\":$index,\"text\":\"$text\"}"
    index=$((index + 1))
done
publish agent_update '{"agent_id":"agent-2","status":"running","progress":100}'
publish done "{\"agent_id\":\"agent-2\",\"status\":\"completed\",\"chunks\":$index}"
