# One key for the deployment: buckets, secrets, logs, topic, database.

data "aws_partition" "current" {}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109: the policy of a key; '*' is this key and nothing else
  # checkov:skip=CKV_AWS_111: the policy of a key; '*' is this key and nothing else
  # checkov:skip=CKV_AWS_356: the policy of a key; '*' is this key and nothing else
  # As AWS makes it by default: IAM policies of this account decide.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"] # this key: a key's policy speaks of nothing else

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values = ["arn:${data.aws_partition.current.partition}:logs:${var.region}:${
      data.aws_caller_identity.current.account_id}:log-group:/aws/lambda/${local.name}-*"]
    }
  }

  statement {
    sid       = "AlarmsAndBudgets"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }

  dynamic "statement" {
    for_each = var.page.cloudfront ? [1] : []

    content {
      sid       = "Page"
      actions   = ["kms:Decrypt"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["cloudfront.amazonaws.com"]
      }

      condition {
        test     = "ArnLike"
        variable = "aws:SourceArn"
        values = ["arn:${data.aws_partition.current.partition}:cloudfront::${
        data.aws_caller_identity.current.account_id}:distribution/*"]
      }
    }
  }
}

resource "aws_kms_key" "this" {
  description             = "Everything of ${local.name}"
  enable_key_rotation     = true
  deletion_window_in_days = var.key_deletion_days
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.this.key_id
}
