-- ToteSys-like data at size: the real dimensions, and :rows sales orders made from them.
-- Repeatable: every value is a hash of the order's number, never random().
truncate payment, transaction, sales_order, purchase_order;
insert into sales_order (sales_order_id, created_at, last_updated, design_id, staff_id, counterparty_id, units_sold,
                         unit_price, currency_id, agreed_delivery_date, agreed_payment_date, agreed_delivery_location_id)
select i,
       timestamp(3) '2022-11-03 14:20:52.186' + i * interval '12.345 s',
       timestamp(3) '2022-11-03 14:20:52.186' + i * interval '12.345 s'
           + case when h1 & 7 = 0 then (h1 >> 8 & 1023) * interval '1 minute' else interval '0' end,
       (select min(design_id) from design) + (h1 >> 4 & 255)::int,
       1 + (h1 >> 16 & 15)::int,
       1 + (h1 >> 24 & 15)::int,
       1000 + (h1 >> 30 & 65535)::int,
       (2 + (h2 & 255) / 100.0)::numeric(10, 2),
       1 + (h2 >> 8 & 1)::int,
       to_char(date '2022-11-04' + (i / 7000)::int + (h2 >> 16 & 7)::int, 'YYYY-MM-DD'),
       to_char(date '2022-11-04' + (i / 7000)::int + (h2 >> 20 & 7)::int, 'YYYY-MM-DD'),
       1 + (h2 >> 28 & 15)::int
from (select i, hashint8extended(i, 1) & 9223372036854775807 as h1, hashint8extended(i, 2) & 9223372036854775807 as h2
      from generate_series(1, :rows) i) n;
select setval(pg_get_serial_sequence('sales_order', 'sales_order_id'), :rows);
vacuum (freeze, analyze) sales_order;
vacuum (analyze);
checkpoint;
