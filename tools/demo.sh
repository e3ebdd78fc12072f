#!/usr/bin/env bash
# Shows what tote does, on the real data of the ToteSys company, in build/demo. `make demo` builds first.
#
# usage: demo.sh up | source | down
#
#   up      the whole tour
#   source  only the source: starts its server where it does not run yet, and prints for the shell how to reach it
#   down    stops the server and removes everything
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
demo=$build/demo
models=$(realpath --relative-to="$demo" models 2>/dev/null || echo ../../models)

if [ -t 1 ]; then
    bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true)
else
    bold='' plain=''
fi

chapter() { printf '\n%s== %s%s\n' "$bold" "$1" "$plain"; }
tell() { printf '%s\n' "$@" | fold -s -w 100; }

# Shows a command as one would type it, then runs it.
show() {
    printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@"
}

show_timed() {
    TIMEFORMAT="(%R s)"
    printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
    time "$@"
}

tote() { "$build/tote" -C "$demo" "$@"; }
source_sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

ask_warehouse() {
    printf '%s\n\n' "$1"
    tote query "$1"
}

down() {
    [ -e "$demo" ] || [ -L "$demo/postgres" ] || return 0
    [ ! -L "$demo/postgres" ] || tools/postgres.sh stop "$demo/postgres"
    rm -rf "$demo"
}

start_source() {
    chapter "The source: a PostgreSQL server of its own, with the ToteSys company's database"
    mkdir -p "$demo"
    tools/postgres.sh start "$demo/postgres"
    eval "$(tools/postgres.sh settings "$demo/postgres")"
    export PGDATABASE=totesys
    createdb totesys
    demo/totesys/load.sh dbname=totesys
    tell "Eleven tables, 48,000 rows: sales, purchases, payments and what they refer to."
}

write_configuration() {
    chapter "The configuration: $demo/tote.yaml"
    # the address stands in .env, where real ones keep their password too
    echo "TOTESYS_URL=postgresql://postgres@127.0.0.1:$PGPORT/totesys" >"$demo/.env"
    chmod 600 "$demo/.env"
    cat >"$demo/tote.yaml" <<-END
	source:
	  url: \${TOTESYS_URL}
	  exclude: [_prisma_migrations]
	lake:
	  ingestion: ./lake/ingestion
	  processed: ./lake/processed
	warehouse:
	  url: duckdb:./warehouse.duckdb
	models: $models
	END
    cat "$demo/tote.yaml"
}

first_run() {
    chapter "The first run copies everything: PostgreSQL -> JSON objects -> Parquet star schema -> warehouse"
    show_timed tote run
    show tote status
    tell "" "Some of the objects in the lake:"
    find "$demo/lake" -type f | sort | awk 'NR % 8 == 1' | head -12 | sed 's/^/  /'
}

business_question() {
    chapter "A question of the business: which designs earned most in 2024, in euros?"
    ask_warehouse "select d.design_name, sum(f.units_sold) as units, sum(f.units_sold * f.unit_price) as revenue
from fact_sales_order_current f
join dim_design d on d.design_id = f.design_id
join dim_currency c on c.currency_id = f.currency_id
where c.currency_code = 'EUR' and f.created_date between date '2024-01-01' and date '2024-12-31'
group by d.design_name
order by revenue desc
limit 5"
}

second_run() {
    chapter "The second run finds nothing to do"
    show_timed tote run
}

change_source() {
    chapter "The company goes on working: an order changes, one comes, one goes"
    tell "The change does not touch last_updated, as happens in ToteSys every day. tote sees it all the same."
    local changes="
update sales_order set units_sold = units_sold + 1000 where sales_order_id = 42;
insert into sales_order (created_at, last_updated, design_id, staff_id, counterparty_id, units_sold, unit_price,
        currency_id, agreed_delivery_date, agreed_payment_date, agreed_delivery_location_id)
    values ('2024-11-15 15:00:00', '2024-11-15 15:00:00', 9, 13, 18, 500, 2.50, 2, '2024-11-20', '2024-11-18', 4);
delete from payment where transaction_id = (select transaction_id from transaction where sales_order_id = 43);
delete from transaction where sales_order_id = 43;
delete from sales_order where sales_order_id = 43;"
    printf '%s\n' "$changes"
    source_sql -1 -c "$changes"
    show_timed tote run
}

history_appears() {
    chapter "The history of the changed order (42) and of the deleted one (43)"
    ask_warehouse "select sales_order_id, units_sold, batch_id, deleted, valid_from, valid_to
from fact_sales_order_history
where sales_order_id in (42, 43)
order by sales_order_id, valid_from"
    show tote history
}

up() {
    down
    start_source
    write_configuration
    first_run
    business_question
    second_run
    change_source
    history_appears
    chapter "Look around"
    tell "Everything is in $demo: tote.yaml, lake/, warehouse.duckdb. The database still runs:" \
        "  psql 'host=$PGHOST port=$PGPORT user=postgres dbname=totesys'" \
        "  $build/tote -C $demo help" \
        "make demo-down stops the database and removes it all."
}

# For `eval "$(tools/demo.sh source)"`: what one needs to follow the tutorial.
source_only() {
    [ -e "$demo/postgres" ] || start_source >&2
    tools/postgres.sh settings "$demo/postgres"
    eval "$(tools/postgres.sh settings "$demo/postgres")"
    echo "export PGDATABASE=totesys"
    echo "export TOTESYS_URL=postgresql://postgres@127.0.0.1:$PGPORT/totesys"
}

case ${1:-} in
up) up ;;
source) source_only ;;
down) down ;;
*)
    echo "usage: demo.sh up | source | down" >&2
    exit 2
    ;;
esac
