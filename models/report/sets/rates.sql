-- needs: dim_exchange_rate
-- What one unit of a currency was worth in another, from a day on to the day before another. Optional: without that table
-- rates_none.sql stands in, and money is shown by currency only.
select from_currency, to_currency, valid_from, valid_to, rate
from dim_exchange_rate
where to_currency = cast(:convert as varchar)
