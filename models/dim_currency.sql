-- kind: dimension
-- key: currency_id
-- comment: what money is counted in
-- comment: currency_name: not in the source: ISO 4217's name of the code, or the code itself
select c.currency_id, c.currency_code, coalesce(i.name, c.currency_code) as currency_name
from source.currency c
left join seed.currency_name i on i.code = c.currency_code
