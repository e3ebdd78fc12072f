# New batch record in the processed bucket -> queue -> load -> warehouse (and the published page).

# The value is set by hand, so that it never stands in the state: docs/how-to/deploy-to-aws.md.
resource "aws_secretsmanager_secret" "warehouse" {
  name                    = "${var.name}-warehouse"
  description             = "URL of the warehouse for the loader's role, or JSON as RDS writes it"
  kms_key_id              = var.functions.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

locals {
  environment = merge(
    { TOTE_WAREHOUSE_URL = "secret:${aws_secretsmanager_secret.warehouse.arn}" },
    var.schema == "" ? {} : { TOTE_WAREHOUSE_SCHEMA = var.schema },
  )
}

module "queue" {
  source           = "../queue"
  name             = "${var.name}-load"
  bucket           = var.processed.name
  function_arn     = module.function.arn
  function_timeout = var.size.timeout
  tls_only         = var.tls_only
}

module "grants" {
  source       = "../grants"
  read         = concat([var.processed.arn], var.site == null ? [] : [var.site.arn])
  read_records = var.site == null ? [] : [var.ingestion_arn] # the page shows what was captured, too
  write        = var.site == null ? [] : [var.site.arn]
  sweep        = var.site == null ? [] : [var.site.arn]
  queues       = [module.queue.arn]
  secrets      = [aws_secretsmanager_secret.warehouse.arn]
  kms_key_arn  = var.functions.kms_key_arn
}

module "function" {
  source      = "../function"
  name        = "${var.name}-load"
  description = "Loads new batches into the warehouse, each exactly once"
  handler     = "load"
  zip         = var.functions.zips.tote
  policy      = module.grants.json
  common      = var.functions
  size        = var.size
  network     = var.network
  environment = merge(
    var.functions.environment, local.environment,
    var.site == null ? {} : { TOTE_PUBLISH_TO = "s3://${var.site.name}" },
  )
}
