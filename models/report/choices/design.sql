select distinct design_name as design from dim_design order by design
