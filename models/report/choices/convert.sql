-- needs: dim_exchange_rate
select distinct to_currency as currency from dim_exchange_rate order by currency
