-- How many tables of the star were there before tote: they may hold rows that the lake does not.
select count(*) from tote."table" where not made_here
