select distinct first_name || ' ' || last_name as staff from dim_staff order by staff
