#!/usr/bin/env bash
# Runs a command while a throw-away PostgreSQL is there, and removes it afterwards.
#
# usage: with_postgres.sh COMMAND...
#
# The command finds the server by TOTE_TEST_PG (a conninfo for libpq) or PGHOST, PGPORT and PGUSER; it is superuser.
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap '"$tools/postgres.sh" stop "$scratch/server" 2>/dev/null; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM
"$tools/postgres.sh" start "$scratch/server"
eval "$("$tools/postgres.sh" settings "$scratch/server")"
export PGDATABASE=postgres
TOTE_TEST_PG="$("$tools/postgres.sh" url "$scratch/server") dbname=postgres"
export TOTE_TEST_PG
"$@"
