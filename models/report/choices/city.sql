select distinct city from dim_location order by city
