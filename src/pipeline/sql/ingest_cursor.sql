-- Where the next batch begins to read by a cursor: `back` before the highest value, or before now when that
-- is earlier.  A timestamp without time zone may be of any zone on earth; one that lies further ahead is no
-- measure of anything.
select (least(case when m.top > m.now + interval '15 hours' then m.now - interval '15 hours' else m.top end, m.now)
        - :back * interval '1 microsecond')::text
from (select max(:column)::timestamp as top, clock_timestamp()::timestamp as now from :table) m;
