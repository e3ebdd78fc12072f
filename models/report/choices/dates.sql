-- The days between which orders were made.
select min(first_day) as first_day, max(last_day) as last_day
from (select min(created_date) as first_day, max(created_date) as last_day from fact_sales_order
      union all
      select min(created_date), max(created_date) from fact_purchase_order) days
