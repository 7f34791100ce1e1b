#!/bin/sh
# Draws new secrets and prints them, for Kubernetes or for compose.yml:
#   deploy/secrets.sh | kubectl apply -n relay -f -
#   deploy/secrets.sh env > .env
# Nothing is stored here: who prints them again gets others.
set -eu

hex() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

jwt=$(hex 32)
api=$(hex 24)
metrics=$(hex 24)
redis=$(hex 24)
postgres=$(hex 24)
connection="Host=postgres;Database=relay;Username=relay;Password=$postgres"

case "${1:-kubernetes}" in
    kubernetes)
        cat <<YAML
apiVersion: v1
kind: Secret
metadata:
  name: relay
type: Opaque
stringData:
  jwt-secret: "$jwt"
  api-key: "$api"
  metrics-key: "$metrics"
  redis-password: "$redis"
  postgres-password: "$postgres"
  postgres-connection: "$connection"
YAML
        ;;
    env)
        cat <<ENV
RELAY_JWT_SECRET=$jwt
RELAY_API_KEY=$api
REDIS_PASSWORD=$redis
POSTGRES_PASSWORD=$postgres
ENV
        ;;
    *)
        echo "usage: deploy/secrets.sh [kubernetes|env]" >&2
        exit 2
        ;;
esac
