# Looks once a day at everything that the other functions need, with a role that can do no more than look.

module "doctor_grants" {
  source      = "./modules/grants"
  read        = [module.ingestion.bucket_arn, module.processing.bucket_arn]
  probe       = [module.ingestion.bucket_arn, module.processing.bucket_arn]
  secrets     = [module.ingestion.secret_arn, module.warehouse.secret_arn]
  kms_key_arn = aws_kms_key.this.arn
}

module "doctor" {
  source      = "./modules/function"
  name        = "${local.name}-doctor"
  description = "Checks configuration, source, lake and warehouse"
  handler     = "doctor"
  zip         = local.functions.zips.tote
  policy      = module.doctor_grants.json
  common      = local.functions
  size        = var.sizes.doctor
  network     = var.network.load || var.network.ingest ? local.network : null
  environment = merge(local.functions.environment, module.ingestion.environment, module.warehouse.environment)
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
