-- kind: dimension
-- key: staff_id
-- comment: the people who sell, buy and pay
-- comment: department_name: of the department that the person is in now
-- comment: location: of the department; unknown for some
select s.staff_id, s.first_name, s.last_name, d.department_name, d.location, s.email_address
from source.staff s
join source.department d on d.department_id = s.department_id
