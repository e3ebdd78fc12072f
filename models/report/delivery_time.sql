-- title: Agreed delivery time
-- question: How many days after the order do we promise delivery, by country?
-- group: sales
-- place: 10
-- chart: ranking x=country y=longest_days
-- uses: sales
-- column: country label
-- column: orders count
-- column: shortest_days count shortest, days
-- column: longest_days count longest, days
-- column: total_days count days, all orders
-- drill: sales_orders country=country
select country, count(*) as orders, min(agreed_delivery_date - created_date) as shortest_days,
       max(agreed_delivery_date - created_date) as longest_days,
       sum(cast(agreed_delivery_date - created_date as bigint)) as total_days
from sales
group by country
order by longest_days desc, country
