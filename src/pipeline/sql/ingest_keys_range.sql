-- The keys of some ranges, through the key's index.
copy (select 0, found.key
      from unnest(:lows::bigint[]) as tote_bucket(low)
      cross join lateral (select :key as key from :table
                          where :key between tote_bucket.low and tote_bucket.low + :width) found
      order by 2) to stdout;
