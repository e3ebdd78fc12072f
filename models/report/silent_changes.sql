-- title: Changes that nobody announced
-- question: How often does a row change while its last_updated stands still?
-- group: quality
-- place: 5
-- chart: table
-- column: fact label
-- column: batch_id count batch
-- column: captured_at instant captured
-- column: changes count changed rows
-- column: silent count last_updated stood still
select fact, batch_id, captured_at, count(*) as changes,
       sum(case when last_updated_date = date_before and last_updated_time = time_before then 1 else 0 end) as silent
from (select 'sales order' as fact, f.batch_id, f.captured_at, f.deleted, f.last_updated_date, f.last_updated_time,
             lag(f.last_updated_date) over (partition by f.sales_order_id order by f.batch_id) as date_before,
             lag(f.last_updated_time) over (partition by f.sales_order_id order by f.batch_id) as time_before
      from fact_sales_order f
      where f.sales_order_id in (select sales_order_id from fact_sales_order where batch_id > :first_batch)
      union all
      select 'purchase order', f.batch_id, f.captured_at, f.deleted, f.last_updated_date, f.last_updated_time,
             lag(f.last_updated_date) over (partition by f.purchase_order_id order by f.batch_id),
             lag(f.last_updated_time) over (partition by f.purchase_order_id order by f.batch_id)
      from fact_purchase_order f
      where f.purchase_order_id in (select purchase_order_id from fact_purchase_order where batch_id > :first_batch)
      union all
      select 'payment', f.batch_id, f.captured_at, f.deleted, f.last_updated_date, f.last_updated_time,
             lag(f.last_updated_date) over (partition by f.payment_id order by f.batch_id),
             lag(f.last_updated_time) over (partition by f.payment_id order by f.batch_id)
      from fact_payment f
      where f.payment_id in (select payment_id from fact_payment where batch_id > :first_batch)) versions
where date_before is not null and not deleted
group by fact, batch_id, captured_at
order by batch_id desc, fact
