-- title: Largest orders
-- question: Which are the ten largest orders in each currency?
-- group: sales
-- place: 9
-- chart: table
-- uses: sales
-- column: sales_order_id key order
-- column: created_date date created
-- column: counterparty label
-- column: design label
-- column: units count
-- column: currency currency
-- column: amount money(currency)
-- column: position count
-- drill: sales_order_history key=sales_order_id
-- Ranked by what ranks them alone; the names are looked up for those few.
select s.sales_order_id, s.created_date, s.counterparty, s.design, s.units, s.currency, s.amount, best.position
from (select sales_order_id, position
      from (select sales_order_id, currency,
                   row_number() over (partition by currency order by amount desc, sales_order_id) as position
            from sales where amount is not null) ranked
      where position <= 10
      order by position, currency
      limit 1000) best
join sales s on s.sales_order_id = best.sales_order_id
order by best.position, s.currency
