# The published page: files in a bucket that only CloudFront can read, and only for those whom the gate lets through.

module "bucket" {
  source       = "../bucket"
  name         = var.bucket.name
  overwritable = ["index.html", "latest.json"]               # the page of a new version, and the pointer to the newest documents
  settings     = merge(var.bucket, { object_lock_days = 0 }) # old documents are swept
  more_policy  = data.aws_iam_policy_document.cloudfront[*].json
}

module "grants" {
  source       = "../grants"
  read         = [module.bucket.arn]
  read_records = var.lake
  write        = [module.bucket.arn]
  sweep        = [module.bucket.arn]
  secrets      = [var.warehouse.secret_arn]
  kms_key_arn  = var.functions.kms_key_arn
}

module "function" {
  source      = "../function"
  name        = "${var.name}-publish"
  description = "Publishes the page anew, on call; load does it after each batch"
  handler     = "publish"
  zip         = var.functions.zips.tote
  policy      = module.grants.json
  common      = var.functions
  size        = var.size
  network     = var.network
  environment = merge(var.functions.environment, var.warehouse.environment, {
    TOTE_PUBLISH_TO = "s3://${module.bucket.name}"
  })
}
