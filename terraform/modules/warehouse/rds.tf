# A PostgreSQL of RDS, reached by the functions only. RDS makes and rotates the master's password; the loader's role and
# password are made by hand with sql/grants/warehouse_loader.sql.

locals {
  database = var.database == null ? [] : [var.database]
}

resource "aws_db_subnet_group" "this" {
  count       = length(local.database)
  name        = "${var.name}-warehouse"
  description = "Where the warehouse of ${var.name} may run"
  subnet_ids  = var.database_network.subnet_ids
}

resource "aws_security_group" "database" {
  count       = length(local.database)
  name        = "${var.name}-warehouse"
  description = "The warehouse, reached by the functions of ${var.name}"
  vpc_id      = var.database_network.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  count                        = length(local.database)
  security_group_id            = aws_security_group.database[0].id
  description                  = "PostgreSQL from the functions"
  referenced_security_group_id = var.database_network.client_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_egress_rule" "database" {
  count                        = length(local.database)
  security_group_id            = var.database_network.client_group_id
  description                  = "PostgreSQL to the warehouse"
  referenced_security_group_id = aws_security_group.database[0].id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_parameter_group" "this" {
  count       = length(local.database)
  name        = "${var.name}-warehouse"
  family      = "postgres${split(".", local.database[0].engine_version)[0]}"
  description = "TLS only"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "5000"
  }
}

resource "aws_db_instance" "this" {
  count = length(local.database)

  identifier     = "${var.name}-warehouse"
  engine         = "postgres"
  engine_version = local.database[0].engine_version
  instance_class = local.database[0].instance_class
  db_name        = "warehouse"

  username                      = "warehouse_owner"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.functions.kms_key_arn

  allocated_storage     = local.database[0].storage_gb
  max_allocated_storage = local.database[0].storage_max_gb
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.functions.kms_key_arn

  db_subnet_group_name   = aws_db_subnet_group.this[0].name
  vpc_security_group_ids = [aws_security_group.database[0].id]
  parameter_group_name   = aws_db_parameter_group.this[0].name
  publicly_accessible    = false
  multi_az               = local.database[0].multi_az

  backup_retention_period    = local.database[0].backup_days
  copy_tags_to_snapshot      = true
  deletion_protection        = local.database[0].deletion_protection
  skip_final_snapshot        = !local.database[0].final_snapshot
  final_snapshot_identifier  = local.database[0].final_snapshot ? "${var.name}-warehouse-last" : null
  auto_minor_version_upgrade = true
  apply_immediately          = true

  iam_database_authentication_enabled = true
  performance_insights_enabled        = true
  performance_insights_kms_key_id     = var.functions.kms_key_arn
  enabled_cloudwatch_logs_exports     = ["postgresql"]
}
