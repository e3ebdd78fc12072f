select distinct currency_code as currency from dim_currency order by currency
