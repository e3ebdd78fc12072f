-- What a person would write for DuckDB alone: the same JSON, the same types, the same checks, the same two tables.
-- {{json}}: list of files; {{clean}}, {{fact}}: paths.
copy (
    select sales_order_id, cast(created_at as timestamp) as created_at, cast(last_updated as timestamp) as last_updated,
           design_id, staff_id, counterparty_id, units_sold, try_cast(unit_price as decimal(10, 2)) as unit_price, currency_id,
           try_cast(agreed_delivery_date as date) as agreed_delivery_date,
           try_cast(agreed_payment_date as date) as agreed_payment_date, agreed_delivery_location_id,
           cast(1 as bigint) as _batch_id, timestamp '2024-11-15 14:40:00' as _captured_at, false as _deleted
    from read_json({json}, format = 'newline_delimited', auto_detect = false, columns = {{
        sales_order_id: 'INTEGER', created_at: 'VARCHAR', last_updated: 'VARCHAR', design_id: 'INTEGER',
        staff_id: 'INTEGER', counterparty_id: 'INTEGER', units_sold: 'INTEGER', unit_price: 'VARCHAR',
        currency_id: 'INTEGER', agreed_delivery_date: 'VARCHAR', agreed_payment_date: 'VARCHAR',
        agreed_delivery_location_id: 'INTEGER'}})
    where try_cast(created_at as timestamp) is not null and length(created_at) = 26
      and try_cast(last_updated as timestamp) is not null and length(last_updated) = 26
      and cast(try_cast(unit_price as decimal(10, 2)) as varchar) = unit_price
      and cast(try_cast(agreed_delivery_date as date) as varchar) = agreed_delivery_date
      and cast(try_cast(agreed_payment_date as date) as varchar) = agreed_payment_date
) to '{clean}' (format parquet, compression zstd);
copy (
    select sales_order_id, cast(substr(created_at, 1, 10) as date) as created_date, substr(created_at, 12, 15) as created_time,
           cast(substr(last_updated, 1, 10) as date) as last_updated_date, substr(last_updated, 12, 15) as last_updated_time,
           staff_id as sales_staff_id, counterparty_id, units_sold, unit_price, currency_id, design_id,
           agreed_payment_date, agreed_delivery_date, agreed_delivery_location_id,
           _batch_id as batch_id, _captured_at as captured_at, _deleted as deleted
    from (select * replace (strftime(created_at, '%Y-%m-%d %H:%M:%S.%f') as created_at,
                            strftime(last_updated, '%Y-%m-%d %H:%M:%S.%f') as last_updated) from read_parquet('{clean}'))
) to '{fact}' (format parquet, compression zstd);
create table calendar as select cast(d as date) as date_id from range(timestamp '2000-01-01', timestamp '2100-01-01', interval 1 day) t(d);
select (select count(*) from (select distinct created_date as v from read_parquet('{fact}')) where v not in (select date_id from calendar))
     + (select count(*) from (select distinct last_updated_date as v from read_parquet('{fact}')) where v not in (select date_id from calendar))
     + (select count(*) from (select distinct agreed_payment_date as v from read_parquet('{fact}')) where v not in (select date_id from calendar))
     + (select count(*) from (select distinct agreed_delivery_date as v from read_parquet('{fact}')) where v not in (select date_id from calendar))
     + (select count(distinct sales_staff_id) from read_parquet('{fact}')) + (select count(distinct counterparty_id) from read_parquet('{fact}'))
     + (select count(distinct currency_id) from read_parquet('{fact}')) + (select count(distinct design_id) from read_parquet('{fact}'))
     + (select count(distinct agreed_delivery_location_id) from read_parquet('{fact}'));
