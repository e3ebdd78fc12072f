-- title: Payments due by counterparty
-- question: Who owes us, and whom do we owe?
-- group: payments
-- place: 3
-- chart: ranking x=counterparty y=due by=direction
-- uses: payments
-- column: counterparty label
-- column: direction label
-- column: currency currency
-- column: due money(currency)
-- column: payments count
-- column: oldest date
-- drill: payments counterparty=counterparty direction=direction currency=currency paid=:no
select counterparty, direction, currency, sum(amount) as due, count(*) as payments, min(payment_date) as oldest
from payments
where not paid
group by counterparty, direction, currency
order by due desc, counterparty, direction, currency
