-- 1,000 rows changed, spread evenly over the table, the way ToteSys does it: last_updated stands still.
update sales_order set units_sold = units_sold + 1
where sales_order_id in (select 1 + g * ((select max(sales_order_id) from sales_order) / 1000) from generate_series(0, 999) g);
