# New batch records of a bucket -> EventBridge rule -> queue -> function. A message that fails five times goes to the
# dead-letter queue and raises an alarm. The step catches up by itself, so a message is a nudge and no data is in it.

resource "aws_cloudwatch_event_rule" "this" {
  name        = var.name
  description = "A batch was committed in ${var.bucket}"

  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail = {
      bucket = { name = [var.bucket] }
      object = { key = [{ prefix = "_batches/" }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "this" {
  rule = aws_cloudwatch_event_rule.this.name
  arn  = aws_sqs_queue.this.arn

  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead.arn
  }
}

resource "aws_sqs_queue" "this" {
  name = var.name
  # AWS advises six times the time-out, so that a throttled message is not counted as failed. Here a message is but a nudge,
  # two at work are harmless, and a failed one should be tried again soon.
  visibility_timeout_seconds = var.function_timeout + 15
  message_retention_seconds  = 4 * 86400
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  message_retention_seconds = 14 * 86400
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "this" {
  for_each = { main = aws_sqs_queue.this.arn, dead = aws_sqs_queue.dead.arn }

  statement {
    sid       = "FromTheRule"
    actions   = ["sqs:SendMessage"]
    resources = [each.value]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.this.arn]
    }
  }

  dynamic "statement" {
    for_each = var.tls_only ? [1] : []

    content {
      sid       = "TlsOnly"
      effect    = "Deny"
      actions   = ["sqs:*"]
      resources = [each.value]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = "Bool"
        variable = "aws:SecureTransport"
        values   = ["false"]
      }
    }
  }
}

resource "aws_sqs_queue_policy" "this" {
  for_each = { main = aws_sqs_queue.this.url, dead = aws_sqs_queue.dead.url }

  queue_url = each.value
  policy    = data.aws_iam_policy_document.this[each.key].json
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn        = aws_sqs_queue.this.arn
  function_name           = var.function_arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }
}
