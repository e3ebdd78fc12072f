# What a function may do, said once: a policy document and nothing else.
#
# ListBucket has no condition on the prefix, on purpose: without it S3 answers 403 instead of 404 for an object that does
# not exist, and a step that looks for the next record could not tell one from the other.

data "aws_region" "current" {}

locals {
  listed = distinct(concat(var.read, var.read_records, var.write, var.probe))
  # S3 and Secrets Manager use the key on the function's behalf, never the function by itself.
  via = [for service in compact([
    length(local.listed) > 0 ? "s3" : "",
    length(var.secrets) > 0 ? "secretsmanager" : "",
  ]) : "${service}.${data.aws_region.current.name}.amazonaws.com"]
}

data "aws_iam_policy_document" "this" {
  dynamic "statement" {
    for_each = length(local.listed) > 0 ? [1] : []

    content {
      sid       = "List"
      actions   = ["s3:ListBucket"]
      resources = local.listed
    }
  }

  dynamic "statement" {
    for_each = length(var.read) + length(var.read_records) > 0 ? [1] : []

    content {
      sid     = "Read"
      actions = ["s3:GetObject"]
      resources = concat(
        [for bucket in var.read : "${bucket}/*"],
        [for bucket in var.read_records : "${bucket}/_batches/*"],
      )
    }
  }

  dynamic "statement" {
    for_each = length(var.write) > 0 ? [1] : []

    content {
      sid       = "Write"
      actions   = ["s3:AbortMultipartUpload", "s3:PutObject"]
      resources = [for bucket in var.write : "${bucket}/*"]
    }
  }

  # Documents of the published page that nobody reads any more.
  dynamic "statement" {
    for_each = length(var.sweep) > 0 ? [1] : []

    content {
      sid       = "Sweep"
      actions   = ["s3:DeleteObject"]
      resources = [for bucket in var.sweep : "${bucket}/data/*"]
    }
  }

  dynamic "statement" {
    for_each = length(var.probe) > 0 ? [1] : []

    content {
      sid       = "Probe"
      actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      resources = [for bucket in var.probe : "${bucket}/_doctor/*"]
    }
  }

  dynamic "statement" {
    for_each = length(var.queues) > 0 ? [1] : []

    content {
      sid = "TakeMessages"
      actions = [
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
      ]
      resources = var.queues
    }
  }

  dynamic "statement" {
    for_each = length(var.secrets) > 0 ? [1] : []

    content {
      sid       = "ReadSecret"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = var.secrets
    }
  }

  dynamic "statement" {
    for_each = length(local.via) > 0 ? [1] : []

    content {
      sid       = "UseKey"
      actions   = length(var.write) + length(var.probe) > 0 ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
      resources = [var.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.via
      }
    }
  }
}
