-- kind: dimension
-- key: design_id
-- row-of: design
-- comment: what is sold
select design_id, design_name, file_location, file_name
from source.design
