select distinct country from dim_location order by country
