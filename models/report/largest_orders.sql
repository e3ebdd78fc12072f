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
-- Ranked are only the orders of days that can hold one of the ten: where ten days have a larger order each, the others have
-- none. So nearly everything is never sorted.
select sales_order_id, created_date, counterparty, design, units, currency, amount, position
from (select sales_order_id, created_date, counterparty, design, units, currency, amount,
             row_number() over (partition by currency order by amount desc, sales_order_id) as position
      from (select s.sales_order_id, s.created_date, s.counterparty, s.design, s.units, s.currency, s.amount
            from (select currency, created_date, rank() over (partition by currency order by largest desc) as place
                  from (select currency, created_date, max(amount) as largest
                        from sales where amount is not null group by currency, created_date) days) placed
            join sales s on s.created_date = placed.created_date and s.currency = placed.currency
            where placed.place in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10) and s.amount is not null
            union all
            select sales_order_id, created_date, counterparty, design, units, currency, amount
            from sales where created_date is null and amount is not null) candidates) ranked
where position <= 10
order by position, currency
