# The whole deployment: source -> ingestion bucket -> processed bucket -> warehouse -> page, and who watches it.

data "aws_caller_identity" "current" {}

locals {
  name = "${var.project}-${var.environment}"

  bucket = {
    tls_only         = var.tls_only
    noncurrent_days  = var.noncurrent_days
    object_lock_days = var.object_lock_days
    force_destroy    = var.force_destroy
  }

  # Buckets are named here, and not by S3, so that the modules can know one another without a circle.
  buckets = { for zone in ["ingestion", "processed", "site", "athena"] :
  zone => "${local.name}-${zone}-${data.aws_caller_identity.current.account_id}" }

  functions = {
    architecture             = var.architecture
    log_retention_days       = var.log_retention_days
    kms_key_arn              = aws_kms_key.this.arn
    permissions_boundary_arn = var.permissions_boundary_arn
    zips = {
      ingest = "${var.zip_directory}/ingest-${var.architecture}.zip"
      tote   = "${var.zip_directory}/tote-${var.architecture}.zip"
    }
    environment = merge({
      TOTE_LAKE_INGESTION    = "s3://${local.buckets.ingestion}"
      TOTE_LAKE_PROCESSED    = "s3://${local.buckets.processed}"
      TOTE_LAKE_BUCKET_OWNER = data.aws_caller_identity.current.account_id
      TOTE_MODELS            = "/var/task/models"
      TOTE_WORK_DIR          = "/tmp"
      TOTE_LOG_FORMAT        = "json"
      TOTE_ENVIRONMENT       = var.environment
      TOTE_METRICS_EMF       = "yes"
    }, var.function_environment)
  }

  network = length(module.network) == 0 ? var.network.existing : {
    subnet_ids         = module.network[0].subnet_ids
    security_group_ids = [module.network[0].functions_group_id]
  }
}

module "network" {
  source = "./modules/network"
  count  = var.network.create ? 1 : 0

  name      = local.name
  cidr      = var.network.cidr
  databases = var.network.databases
  route     = var.network.route
}

module "ingestion" {
  source = "./modules/ingestion"

  name                  = local.name
  functions             = local.functions
  bucket                = merge(local.bucket, { name = local.buckets.ingestion })
  schedule              = var.schedule
  schedule_enabled      = var.schedule_enabled
  full_compare_schedule = var.full_compare_schedule
  size                  = var.sizes.ingest
  network               = var.network.ingest ? local.network : null
  source_exclude        = var.source_exclude
  secret_recovery_days  = var.secret_recovery_days
}

module "processing" {
  source = "./modules/processing"

  name                    = local.name
  functions               = local.functions
  ingestion               = { name = module.ingestion.bucket, arn = module.ingestion.bucket_arn }
  bucket                  = merge(local.bucket, { name = local.buckets.processed })
  results_bucket_name     = local.buckets.athena
  size                    = var.sizes.process
  catalog_tables          = var.catalog_tables
  athena_scan_limit_bytes = var.athena_scan_limit_bytes
}

module "warehouse" {
  source = "./modules/warehouse"

  name                 = local.name
  functions            = local.functions
  ingestion_arn        = module.ingestion.bucket_arn
  processed            = { name = module.processing.bucket, arn = module.processing.bucket_arn }
  site                 = one([for site in module.presentation : { name = site.bucket, arn = site.bucket_arn }])
  tls_only             = var.tls_only
  schema               = var.warehouse_schema
  size                 = var.sizes.load
  network              = var.network.load ? local.network : null
  secret_recovery_days = var.secret_recovery_days
  database             = var.database
  database_network = one([for network in module.network : {
    vpc_id          = network.vpc_id
    subnet_ids      = network.subnet_ids
    client_group_id = network.functions_group_id
  }])
}

module "presentation" {
  source = "./modules/presentation"
  count  = var.page.publish ? 1 : 0

  name       = local.name
  functions  = local.functions
  bucket     = merge(local.bucket, { name = local.buckets.site })
  lake       = [module.ingestion.bucket_arn, module.processing.bucket_arn]
  warehouse  = { secret_arn = module.warehouse.secret_arn, environment = module.warehouse.environment }
  size       = var.sizes.publish
  network    = var.network.load ? local.network : null
  cloudfront = var.page.cloudfront
  domain     = var.page.domain
  gate       = var.page_gate
}

locals {
  steps = merge(
    {
      ingest  = module.ingestion.function
      process = module.processing.function
      load    = module.warehouse.function
      doctor  = module.doctor
    },
    { for site in module.presentation : "publish" => site.function },
  )
  queues = {
    process = module.processing.queue
    load    = module.warehouse.queue
  }
}

module "monitoring" {
  source = "./modules/monitoring"

  name        = local.name
  environment = var.environment
  kms_key_arn = aws_kms_key.this.arn
  emails      = var.alarm_emails

  functions = local.steps
  queues    = local.queues

  freshness_minutes = var.freshness_minutes
  queue_age_minutes = var.queue_age_minutes
  database          = try(module.warehouse.database.identifier, null)
  log_queries       = var.log_queries
  budget            = var.budget
}
