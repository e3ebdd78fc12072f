-- The foreign keys of the sales star, enforced for later writes; and the set-wise check of what is there.
alter table fact_sales_order
    add foreign key (created_date) references dim_date not valid,
    add foreign key (last_updated_date) references dim_date not valid,
    add foreign key (agreed_payment_date) references dim_date not valid,
    add foreign key (agreed_delivery_date) references dim_date not valid,
    add foreign key (sales_staff_id) references dim_staff not valid,
    add foreign key (counterparty_id) references dim_counterparty not valid,
    add foreign key (currency_id) references dim_currency not valid,
    add foreign key (design_id) references dim_design not valid,
    add foreign key (agreed_delivery_location_id) references dim_location not valid;
do $$
begin
    if exists (select from (select distinct created_date v from fact_sales_order) f where v not in (select date_id from dim_date))
       or exists (select from (select distinct last_updated_date v from fact_sales_order) f where v not in (select date_id from dim_date))
       or exists (select from (select distinct agreed_payment_date v from fact_sales_order) f where v not in (select date_id from dim_date))
       or exists (select from (select distinct agreed_delivery_date v from fact_sales_order) f where v not in (select date_id from dim_date))
       or exists (select from (select distinct sales_staff_id v from fact_sales_order) f where v not in (select staff_id from dim_staff))
       or exists (select from (select distinct counterparty_id v from fact_sales_order) f where v not in (select counterparty_id from dim_counterparty))
       or exists (select from (select distinct currency_id v from fact_sales_order) f where v not in (select currency_id from dim_currency))
       or exists (select from (select distinct design_id v from fact_sales_order) f where v not in (select design_id from dim_design))
       or exists (select from (select distinct agreed_delivery_location_id v from fact_sales_order) f where v not in (select location_id from dim_location))
    then raise 'reference missing'; end if;
end $$;
