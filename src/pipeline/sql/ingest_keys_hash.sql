-- The keys of some buckets of hashes.
copy (select 0, :key from :table
      where (:key_hash & :mask) in (select unnest(:buckets::bigint[]))
      order by :key_order) to stdout;
