-- kind: dimension
-- key: location_id
-- row-of: address
-- comment: every address of the source; where goods are delivered
select address_id as location_id, address_line_1, address_line_2, district, city, postal_code, country, phone
from source.address
