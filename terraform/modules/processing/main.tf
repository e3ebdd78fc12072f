# New batch record in the ingestion bucket -> queue -> process -> processed bucket.

module "bucket" {
  source       = "../bucket"
  name         = var.bucket.name
  kms_key_arn  = var.functions.kms_key_arn
  overwritable = ["*/_delta_log/_last_checkpoint"]
  settings     = var.bucket
}

module "queue" {
  source           = "../queue"
  name             = "${var.name}-process"
  bucket           = var.ingestion.name
  function_arn     = module.function.arn
  function_timeout = var.size.timeout
  tls_only         = var.bucket.tls_only
}

module "grants" {
  source      = "../grants"
  read        = [var.ingestion.arn, module.bucket.arn]
  write       = [module.bucket.arn]
  queues      = [module.queue.arn]
  kms_key_arn = var.functions.kms_key_arn
}

module "function" {
  source      = "../function"
  name        = "${var.name}-process"
  description = "Turns new batches into clean and star tables in the processed bucket"
  handler     = "process"
  zip         = var.functions.zips.tote
  policy      = module.grants.json
  common      = var.functions
  size        = var.size
  environment = merge(var.functions.environment, {
    # DuckDB's share; the rest is for the program, its buffers and /tmp's pages
    TOTE_PROCESS_MEMORY = "${floor(var.size.memory * 0.6)}MiB"
  })
}
