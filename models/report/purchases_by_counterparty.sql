-- title: Purchases by supplier
-- question: Whom do we buy from?
-- group: purchases
-- place: 2
-- chart: ranking x=counterparty y=spent by=currency
-- uses: purchases
-- column: counterparty label
-- column: currency currency
-- column: orders count
-- column: spent money(currency)
-- column: position count
-- drill: purchase_orders counterparty=counterparty currency=currency
select counterparty, currency, count(*) as orders, sum(amount) as spent,
       row_number() over (partition by currency order by sum(amount) desc, counterparty) as position
from purchases
group by counterparty, currency
order by position, currency
