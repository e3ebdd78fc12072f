-- Count and sums of hashes by bucket of keys.  age() is the quick way to a row's xmin as a number; it
-- counts from the next transaction id, which is the same throughout a statement.  2147483647 stands for
-- a frozen id without a number (2), which version 9.3 and older left behind.
select :bucket, count(*), sum(:key_hash), sum(:version_hash)
from :table
group by 1
order by 1;
