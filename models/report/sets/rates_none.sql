-- Stands in for rates.sql where the warehouse has no dim_exchange_rate.
select cast(null as varchar) as from_currency, cast(null as varchar) as to_currency, cast(null as date) as valid_from,
       cast(null as date) as valid_to, cast(null as decimal(18, 8)) as rate
from dim_currency
where currency_id is null
