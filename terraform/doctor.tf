# Looks once a day at everything that the other functions need, with a role that can do no more than look.
#
# Where ingest runs in one network and load in another, no single function reaches both databases: doctor then looks at
# the source only, as its small zip does.

locals {
  doctor_sees_all = var.network.ingest == var.network.load
}

module "doctor_grants" {
  source      = "./modules/grants"
  read        = concat([module.ingestion.bucket_arn], local.doctor_sees_all ? [module.processing.bucket_arn] : [])
  probe       = concat([module.ingestion.bucket_arn], local.doctor_sees_all ? [module.processing.bucket_arn] : [])
  secrets     = concat([module.ingestion.secret_arn], local.doctor_sees_all ? [module.warehouse.secret_arn] : [])
  kms_key_arn = aws_kms_key.this.arn
}

module "doctor" {
  source      = "./modules/function"
  name        = "${local.name}-doctor"
  description = "Checks configuration, source, lake and warehouse"
  handler     = "doctor"
  zip         = local.doctor_sees_all ? local.functions.zips.tote : local.functions.zips.ingest
  policy      = module.doctor_grants.json
  common      = local.functions
  size        = var.sizes.doctor
  network     = var.network.ingest ? local.network : null
  environment = merge(
    local.functions.environment, module.ingestion.environment,
    local.doctor_sees_all ? module.warehouse.environment : {},
  )
}

module "doctor_schedule" {
  source                   = "./modules/schedule"
  name                     = "${local.name}-doctor"
  function_arn             = module.doctor.arn
  enabled                  = var.schedule_enabled
  permissions_boundary_arn = var.permissions_boundary_arn
  schedules = {
    daily = { description = "Checks everything once a day", expression = var.doctor_schedule, input = "{}" }
  }
}
