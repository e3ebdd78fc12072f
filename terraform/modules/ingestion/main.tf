# Scheduler -> ingest -> ingestion bucket.

module "bucket" {
  source      = "../bucket"
  name        = var.bucket.name
  kms_key_arn = var.functions.kms_key_arn
  settings    = var.bucket
}

# The value is set by hand, so that it never stands in the state: docs/how-to/deploy-to-aws.md.
resource "aws_secretsmanager_secret" "source" {
  name                    = "${var.name}-source"
  description             = "URL of the source database, or JSON as RDS writes it"
  kms_key_id              = var.functions.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

locals {
  environment = merge(var.functions.environment, {
    TOTE_SOURCE_URL     = "secret:${aws_secretsmanager_secret.source.arn}"
    TOTE_SOURCE_EXCLUDE = join(",", var.source_exclude)
  })
}

module "grants" {
  source      = "../grants"
  read        = [module.bucket.arn]
  write       = [module.bucket.arn]
  secrets     = [aws_secretsmanager_secret.source.arn]
  kms_key_arn = var.functions.kms_key_arn
}

module "function" {
  source      = "../function"
  name        = "${var.name}-ingest"
  description = "Captures what changed in the source into the ingestion bucket"
  handler     = "ingest"
  zip         = var.functions.zips.ingest
  policy      = module.grants.json
  common      = var.functions
  size        = var.size
  network     = var.network
  environment = local.environment
}

# The next tick is the retry: a second try at once would only press on a source that has trouble.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = module.function.name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 300
}

module "schedule" {
  source                   = "../schedule"
  name                     = "${var.name}-ingest"
  function_arn             = module.function.arn
  enabled                  = var.schedule_enabled
  permissions_boundary_arn = var.functions.permissions_boundary_arn
  schedules = merge(
    { changes = { description = "Captures what changed", expression = var.schedule, input = "{}" } },
    var.full_compare_schedule == "" ? {} : {
      full = { description = "Compares every row by content", expression = var.full_compare_schedule, input = "{\"full\":true}" }
    },
  )
}
