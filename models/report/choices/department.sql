select distinct department_name as department from dim_staff order by department
