copy (select :xmin, :columns from :table :filter :order) to stdout;
