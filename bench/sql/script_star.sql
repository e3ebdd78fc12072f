-- The plain DuckDB script: PostgreSQL → Parquet → star → PostgreSQL, for the seven tables of the sales star.
-- {{source}}, {{warehouse}}: conninfo; {{dir}}: where Parquet goes.
attach '{source}' as s (type postgres, read_only);
copy (from s.public.address) to '{dir}/address.parquet' (compression zstd);
copy (from s.public.counterparty) to '{dir}/counterparty.parquet' (compression zstd);
copy (from s.public.currency) to '{dir}/currency.parquet' (compression zstd);
copy (from s.public.department) to '{dir}/department.parquet' (compression zstd);
copy (from s.public.staff) to '{dir}/staff.parquet' (compression zstd);
copy (from s.public.design) to '{dir}/design.parquet' (compression zstd);
copy (from s.public.sales_order) to '{dir}/sales_order.parquet' (compression zstd);
copy (select cast(d as date) as date_id, year(d)::int as year, month(d)::int as month, day(d)::int as day, isodow(d)::int as day_of_week,
             dayname(d) as day_name, monthname(d) as month_name, quarter(d)::int as quarter
      from range(timestamp '2000-01-01', timestamp '2100-01-01', interval 1 day) t(d)) to '{dir}/dim_date.parquet' (compression zstd);
copy (select staff_id, first_name, last_name, department_name, location, email_address
      from '{dir}/staff.parquet' join '{dir}/department.parquet' using (department_id)) to '{dir}/dim_staff.parquet' (compression zstd);
copy (select address_id as location_id, address_line_1, address_line_2, district, city, postal_code, country, phone
      from '{dir}/address.parquet') to '{dir}/dim_location.parquet' (compression zstd);
copy (select currency_id, currency_code, currency_code as currency_name from '{dir}/currency.parquet') to '{dir}/dim_currency.parquet' (compression zstd);
copy (select design_id, design_name, file_location, file_name from '{dir}/design.parquet') to '{dir}/dim_design.parquet' (compression zstd);
copy (select counterparty_id, counterparty_legal_name, address_line_1 as counterparty_legal_address_line_1,
             address_line_2 as counterparty_legal_address_line_2, district as counterparty_legal_district,
             city as counterparty_legal_city, postal_code as counterparty_legal_postal_code,
             country as counterparty_legal_country, phone as counterparty_legal_phone_number
      from '{dir}/counterparty.parquet' join '{dir}/address.parquet' on legal_address_id = address_id) to '{dir}/dim_counterparty.parquet' (compression zstd);
copy (select sales_order_id, cast(created_at as date) as created_date, cast(created_at as time) as created_time,
             cast(last_updated as date) as last_updated_date, cast(last_updated as time) as last_updated_time, staff_id as sales_staff_id,
             counterparty_id, units_sold, unit_price, currency_id, design_id, cast(agreed_payment_date as date) as agreed_payment_date,
             cast(agreed_delivery_date as date) as agreed_delivery_date, agreed_delivery_location_id,
             cast(1 as bigint) as batch_id, timestamp '2024-11-15 14:40:00' as captured_at, false as deleted
      from '{dir}/sales_order.parquet') to '{dir}/fact_sales_order.parquet' (compression zstd);
attach '{warehouse}' as w (type postgres);
insert into w.public.dim_date from '{dir}/dim_date.parquet';
insert into w.public.dim_staff from '{dir}/dim_staff.parquet';
insert into w.public.dim_location from '{dir}/dim_location.parquet';
insert into w.public.dim_currency from '{dir}/dim_currency.parquet';
insert into w.public.dim_design from '{dir}/dim_design.parquet';
insert into w.public.dim_counterparty from '{dir}/dim_counterparty.parquet';
insert into w.public.fact_sales_order (sales_order_id, created_date, created_time, last_updated_date, last_updated_time, sales_staff_id,
    counterparty_id, units_sold, unit_price, currency_id, design_id, agreed_payment_date, agreed_delivery_date,
    agreed_delivery_location_id, batch_id, captured_at, deleted)
    from '{dir}/fact_sales_order.parquet';
