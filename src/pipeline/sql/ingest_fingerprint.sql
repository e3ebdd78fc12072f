-- Count and sum of hash(key, xmin) by bucket of keys; grouped by hashing, since the planner takes every
-- bucket for a row of its own and would sort.  age() is the quick way to a row's xmin as a number; it
-- counts from the next transaction id, which is the same throughout a statement.
select :bucket, count(*), sum(:version_hash)
from :table
group by 1;
