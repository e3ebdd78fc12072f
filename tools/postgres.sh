#!/usr/bin/env bash
# A throw-away PostgreSQL server for tests, benches and the demo. Nothing in it survives a power cut, on purpose.
#
# usage: postgres.sh start LINK     makes and starts a server; LINK will be a link to its folder
#        postgres.sh stop LINK      stops it and removes it
#        postgres.sh url LINK       prints how to reach it, for libpq
#        postgres.sh kill LINK      ends it as a crash would (start again with `restart`)
#        postgres.sh restart LINK   starts a server that exists
#        postgres.sh settings LINK  prints how to reach it, for the shell (PGHOST, PGPORT, ...)
#
# TOTE_POSTGRES_BIN names another server's programs than the newest that is installed, TOTE_POSTGRES_DIR another place than /tmp.
#
# The server's folder has a short name: the path of a socket may have 107 bytes, and PostgreSQL, which refuses
# to run as root, must be able to reach its files. It listens in that folder and on 127.0.0.1. Everybody is trusted,
# except that members of the role `asks_password` who come over TCP must know their password.
set -euo pipefail
command=${1:?usage: postgres.sh start|stop|url|settings|kill|restart LINK}
link=${2:?usage: postgres.sh $1 LINK}

die() {
    echo "postgres: $*" >&2
    exit 1
}

bindir() {
    local dir
    for dir in /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null)"; do
        if [ -x "$dir/initdb" ]; then
            echo "$dir"
        fi
    done | sort -V | tail -1
}

# root becomes the user `postgres`; anybody else runs the server himself
as_owner() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@")
    else
        "$@"
    fi
}

start_server() {
    local attempt port
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        port=$(cat "$dir/port" 2>/dev/null || echo $((20000 + RANDOM % 12000)))
        # no descriptor of ours: a caller who reads our output through a pipe would wait for the server's end
        if as_owner "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -s -o "-p $port" start >/dev/null 2>&1 9>&-; then
            echo "$port" >"$dir/port"
            return
        fi
        rm -f "$dir/port" # somebody else's port, most likely; try another
    done
    cat "$dir/log" >&2
    die "the server does not start"
}

start() {
    [ -n "$bin" ] || die "PostgreSQL is not installed (tools/setup.sh test)"
    [ ! -e "$link" ] || die "'$link' is there already"
    dir=$(mktemp -d "${TOTE_POSTGRES_DIR:-/tmp}/tote-pg.XXXXXX")
    [ "$(id -u)" != 0 ] || chown postgres: "$dir"
    chmod 755 "$dir" # the socket is for everybody on this machine who runs tests
    rm -f "$link"
    ln -s "$dir" "$link"
    as_owner "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" 2>&1 ||
        { cat "$dir/initdb.log" >&2; die "initdb failed"; }
    cat >>"$dir/data/postgresql.conf" <<-END
	listen_addresses = '127.0.0.1'
	unix_socket_directories = '$dir'
	max_connections = 50
	fsync = off
	synchronous_commit = off
	full_page_writes = off
	shared_buffers = 128MB
	max_wal_size = 2GB
	log_min_messages = warning
	password_encryption = scram-sha-256 # 13 would make other ones than pg_hba.conf asks for
	END
    cat >"$dir/data/pg_hba.conf" <<-END
	local all all                            trust
	host  all +asks_password 127.0.0.1/32    scram-sha-256
	host  all all            127.0.0.1/32    trust
	local replication all                    trust
	host  replication all    127.0.0.1/32    trust
	END
    start_server
    PGHOST=$dir PGPORT=$(cat "$dir/port") PGUSER=postgres psql -X -q -d postgres -c 'create role asks_password'
}

stop() {
    if [ -e "$dir/data/postmaster.pid" ]; then
        as_owner "$bin/pg_ctl" -D "$dir/data" -m immediate -w -s stop >/dev/null 2>&1 || true
    fi
    case $dir in
    */tote-pg.??????) rm -rf "$dir" ;;
    esac
    rm -f "$link"
}

bin=${TOTE_POSTGRES_BIN:-$(bindir)}
dir=$(readlink "$link" || true)
[ "$command" = start ] || [ -n "$dir" ] || die "no server at '$link'"
case $command in
start) start ;;
stop) stop ;;
kill) as_owner "$bin/pg_ctl" -D "$dir/data" -m immediate -w -s stop ;;
restart) start_server ;;
url) echo "host=$dir port=$(cat "$dir/port") user=postgres" ;;
settings) echo "export PGHOST=$dir PGPORT=$(cat "$dir/port") PGUSER=postgres" ;;
*) die "unknown command '$command'" ;;
esac
