# The processed bucket as tables for Athena. Athena and Spark read columns and files from the Delta log; the catalog says
# only where it lies. A changed model begins a new directory, whose name terraform/catalog reads from the last record.

resource "aws_glue_catalog_database" "this" {
  name        = replace(var.name, "-", "_")
  description = "Clean and star tables of ${var.name}"
}

resource "aws_glue_catalog_table" "this" {
  for_each = var.catalog_tables

  name          = each.key
  database_name = aws_glue_catalog_database.this.name
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    EXTERNAL                       = "TRUE"
    classification                 = "delta"
    table_type                     = "delta"
    "spark.sql.sources.provider"   = "delta"
    "spark.sql.partitionProvider"  = "catalog"
    "delta.compatibility.readOnly" = "true"
  }

  storage_descriptor {
    location      = "s3://${module.bucket.name}/${each.value}/"
    input_format  = "org.apache.hadoop.mapred.SequenceFileInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat"

    # What Delta's own writers put here, as the schema is in the log.
    columns {
      name = "col"
      type = "array<string>"
    }

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
      parameters = {
        path = "s3://${module.bucket.name}/${each.value}/"
      }
    }
  }
}

data "aws_caller_identity" "current" {}

# Answers to questions, not data: Athena overwrites and they go after a week.
module "results" {
  source      = "../bucket"
  name        = var.results_bucket_name
  kms_key_arn = var.functions.kms_key_arn
  expire_days = 7
  settings = {
    tls_only        = var.bucket.tls_only
    write_once      = false
    noncurrent_days = 1
    force_destroy   = true
  }
}

resource "aws_athena_workgroup" "this" {
  name          = var.name
  description   = "Questions to the lake of ${var.name}"
  force_destroy = var.bucket.force_destroy

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_scan_limit_bytes

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location       = "s3://${module.results.name}/"
      expected_bucket_owner = data.aws_caller_identity.current.account_id

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = var.functions.kms_key_arn
      }
    }
  }
}
