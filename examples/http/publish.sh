#!/usr/bin/env bash
# Every way to publish over HTTP, one after the other.   ./publish.sh [base address]      TOKEN=… when the node needs one
set -eu
relay=${1:-http://127.0.0.1:8080}

post() { # path, JSON
    printf '\n$ curl -d %s %s%s\n' "'$2'" "$relay" "$1"
    curl --silent --show-error ${TOKEN:+-H "Authorization: Bearer $TOKEN"} -H 'Content-Type: application/json' -d "$2" "$relay$1"
    echo
}

# A worker's envelope, as on Redis: to the user's /ws?userId=alice clients.
post /publish '{"target_user_id":"alice","type":"agent_update","payload":{"agent_id":"agent-3","status":"running","progress":40}}'

# To a channel. The answer comes when the channel has accepted; the same id again is accepted once.
post /api/v1/publish '{"channel":"topics/deploy","event":"deploy.started","data":{"version":"1.4.2"},"id":"deploy-1.4.2-started"}'
post /api/v1/publish '{"channel":"topics/deploy","event":"deploy.started","data":{"version":"1.4.2"},"id":"deploy-1.4.2-started"}'

# Several at once, each with its own outcome: the second names no valid channel.
post /api/v1/batch '{"items":[{"channel":"topics/deploy","event":"deploy.done","data":{"version":"1.4.2"}},{"channel":"bad/x","event":"e"}]}'

# One event to several channels.
post /api/v1/broadcast '{"channels":["topics/deploy","topics/ops"],"event":"notice","data":{"text":"Maintenance at 18:00"}}'

# A chat message: opens a session and waits for the agent's answer.
post /api/chat '{"content":"Hello"}'

# What a channel remembers.
printf '\n$ curl "%s/api/v1/history?channel=topics/deploy&limit=2"\n' "$relay"
curl --silent --show-error ${TOKEN:+-H "Authorization: Bearer $TOKEN"} "$relay/api/v1/history?channel=topics/deploy&limit=2"
echo
