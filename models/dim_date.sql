-- kind: calendar
-- key: date_id
-- comment: one row a day from 2000 to 2099; weeks begin on Monday
-- comment: day_of_week: ISO: Monday is 1, Sunday is 7
-- A Monday plus a number of days, so that the weekday is the number modulo 7 in every engine.
with digit(i) as (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)),
     number as (select a.i + 10 * b.i + 100 * c.i + 1000 * d.i + 10000 * e.i as n
                from digit a cross join digit b cross join digit c cross join digit d cross join digit e
                where e.i < 4),
     day as (select n, cast(date '1999-12-27' + n * interval '1' day as date) as d from number)
select d as date_id,
       cast(extract(year from d) as integer) as year,
       cast(extract(month from d) as integer) as month,
       cast(extract(day from d) as integer) as day,
       cast(n % 7 + 1 as integer) as day_of_week,
       case n % 7 when 0 then 'Monday' when 1 then 'Tuesday' when 2 then 'Wednesday' when 3 then 'Thursday'
                  when 4 then 'Friday' when 5 then 'Saturday' else 'Sunday' end as day_name,
       case extract(month from d) when 1 then 'January' when 2 then 'February' when 3 then 'March'
                                  when 4 then 'April' when 5 then 'May' when 6 then 'June'
                                  when 7 then 'July' when 8 then 'August' when 9 then 'September'
                                  when 10 then 'October' when 11 then 'November' else 'December' end as month_name,
       cast(extract(quarter from d) as integer) as quarter
from day
where d between date '2000-01-01' and date '2099-12-31'
order by d
