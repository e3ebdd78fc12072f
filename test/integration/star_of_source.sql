-- The star schema as plain SQL over the ToteSys source, written from the canonical DDL and the data dictionary, not from
-- the models: what test_star.py holds the models to. Each query stands below the name of its table.

-- table: dim_date
select d::date as date_id, extract(year from d)::integer as year, extract(month from d)::integer as month,
       extract(day from d)::integer as day, extract(isodow from d)::integer as day_of_week,
       to_char(d, 'FMDay') as day_name, to_char(d, 'FMMonth') as month_name, extract(quarter from d)::integer as quarter
from generate_series(timestamp '2000-01-01', timestamp '2099-12-31', interval '1 day') d

-- table: dim_staff
select staff_id, first_name, last_name, department_name, location, email_address
from staff join department using (department_id)

-- table: dim_location
select address_id as location_id, address_line_1, address_line_2, district, city, postal_code, country, phone
from address

-- table: dim_currency
select currency_id, currency_code,
       case currency_code when 'GBP' then 'Pound Sterling' when 'USD' then 'US Dollar' when 'EUR' then 'Euro' end
           as currency_name
from currency

-- table: dim_design
select design_id, design_name, file_location, file_name from design

-- table: dim_counterparty
select counterparty_id, counterparty_legal_name, address_line_1 as counterparty_legal_address_line_1,
       address_line_2 as counterparty_legal_address_line_2, district as counterparty_legal_district,
       city as counterparty_legal_city, postal_code as counterparty_legal_postal_code,
       country as counterparty_legal_country, phone as counterparty_legal_phone_number
from counterparty join address on address_id = legal_address_id

-- table: dim_payment_type
select payment_type_id, payment_type_name::text as payment_type_name from payment_type

-- table: dim_transaction
select transaction_id, transaction_type::text as transaction_type, sales_order_id, purchase_order_id from transaction

-- table: fact_sales_order
select sales_order_id, created_at::date as created_date, created_at::time as created_time,
       last_updated::date as last_updated_date, last_updated::time as last_updated_time, staff_id as sales_staff_id,
       counterparty_id, units_sold, unit_price, currency_id, design_id,
       agreed_payment_date::date as agreed_payment_date, agreed_delivery_date::date as agreed_delivery_date,
       agreed_delivery_location_id
from sales_order

-- table: fact_purchase_order
select purchase_order_id, created_at::date as created_date, created_at::time as created_time,
       last_updated::date as last_updated_date, last_updated::time as last_updated_time, staff_id, counterparty_id,
       item_code, item_quantity, item_unit_price, currency_id, agreed_delivery_date::date as agreed_delivery_date,
       agreed_payment_date::date as agreed_payment_date, agreed_delivery_location_id
from purchase_order

-- table: fact_payment
select payment_id, created_at::date as created_date, created_at::time as created_time,
       last_updated::date as last_updated_date, last_updated::time as last_updated_time, transaction_id,
       counterparty_id, payment_amount, currency_id, payment_type_id, paid, payment_date::date as payment_date
from payment
