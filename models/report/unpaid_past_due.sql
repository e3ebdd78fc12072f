-- title: Unpaid past due
-- question: Which payments should have been made by now, how old are they, and how much is it?
-- group: quality
-- place: 2
-- chart: ranking x=counterparty y=overdue by=direction
-- uses: payments
-- column: counterparty label
-- column: direction label
-- column: currency currency
-- column: overdue money(currency)
-- column: payments count
-- column: oldest date
-- column: days_late count days late, most
-- drill: payments counterparty=counterparty direction=direction currency=currency paid=:no
select counterparty, direction, currency, sum(amount) as overdue, count(*) as payments, min(payment_date) as oldest,
       max(cast(:today as date) - payment_date) as days_late
from payments
where not paid and payment_date < cast(:today as date)
group by counterparty, direction, currency
order by overdue desc, counterparty, direction, currency
