-- title: Revenue by weekday
-- question: On which days of the week do orders come in?
-- group: sales
-- place: 2
-- chart: bar x=weekday y=revenue by=currency
-- uses: sales
-- column: weekday weekday
-- column: currency currency
-- column: orders count
-- column: revenue money(currency)
-- drill: sales_orders weekday=weekday currency=currency
select weekday, currency, count(*) as orders, sum(amount) as revenue
from sales
group by weekday, currency
order by weekday, currency
