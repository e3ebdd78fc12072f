# Who is told, and what about. docs/runbook.md says for each alarm what it means and what mends it.

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "FromAlarmsAndBudgets"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

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
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

# The program says {"level":"error", …}; Lambda itself says when it ended a function that took too long or ate too much.
resource "aws_cloudwatch_log_metric_filter" "errors" {
  for_each = var.functions

  name           = "${each.value.name}-errors"
  log_group_name = each.value.log_group
  pattern        = "{ $.level = \"error\" || ($.type = \"platform.report\" && $.record.status != \"success\") }"

  metric_transformation {
    namespace     = "tote/logs"
    name          = "${each.value.name}-errors"
    value         = "1"
    default_value = "0"
    unit          = "Count"
  }
}

locals {
  freshness_steps = setintersection(keys(var.functions), ["ingest", "process", "load"])

  # Everything that differs between alarms; what they share stands in the resource below.
  alarms = merge(
    { for step, f in var.functions : "${step}-errors" => {
      description = "${f.name} failed"
      namespace   = "AWS/Lambda", metric = "Errors", dimensions = { FunctionName = f.name }
      statistic   = "Sum", threshold = 0, period = 300, periods = 1, missing = "notBreaching"
    } },
    { for step, f in var.functions : "${step}-throttles" => {
      description = "Lambda did not start ${f.name} for want of concurrency"
      namespace   = "AWS/Lambda", metric = "Throttles", dimensions = { FunctionName = f.name }
      statistic   = "Sum", threshold = 0, period = 300, periods = 3, missing = "notBreaching"
    } },
    { for step, f in var.functions : "${step}-duration" => {
      description = "${f.name} takes more than 80 % of its time-out of ${f.timeout} s"
      namespace   = "AWS/Lambda", metric = "Duration", dimensions = { FunctionName = f.name }
      statistic   = "Maximum", threshold = 800 * f.timeout, period = 300, periods = 1, missing = "notBreaching"
    } },
    { for step, f in var.functions : "${step}-logged-errors" => {
      description = "${f.name} wrote an error to its log or was ended by Lambda"
      namespace   = "tote/logs", metric = "${f.name}-errors", dimensions = {}
      statistic   = "Sum", threshold = 0, period = 300, periods = 1, missing = "notBreaching"
    } },
    { for step, q in var.queues : "${step}-dead-letters" => {
      description = "${q.dead_name} holds messages that failed five times"
      namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", dimensions = { QueueName = q.dead_name }
      statistic   = "Maximum", threshold = 0, period = 300, periods = 1, missing = "notBreaching"
    } },
    { for step, q in var.queues : "${step}-queue-age" => {
      description = "A message in ${q.name} waits for more than ${var.queue_age_minutes} minutes"
      namespace   = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = q.name }
      statistic   = "Maximum", threshold = 60 * var.queue_age_minutes, period = 300, periods = 1, missing = "notBreaching"
    } },
    { for step in local.freshness_steps : "${step}-freshness" => {
      description = "The newest snapshot done in ${step} is older than ${var.freshness_minutes} minutes, or ${step} says nothing"
      namespace   = "tote", metric = "freshness_seconds", dimensions = { environment = var.environment, step = step }
      statistic   = "Maximum", threshold = 60 * var.freshness_minutes, period = 300
      periods     = ceil(var.freshness_minutes / 5), missing = "breaching"
    } },
    { for step in setintersection(keys(var.functions), ["process"]) : "${step}-quarantine" => {
      description = "Rows broke their contract and were put aside"
      namespace   = "tote", metric = "quarantined", dimensions = { environment = var.environment, step = step }
      statistic   = "Sum", threshold = 0, period = 300, periods = 1, missing = "notBreaching"
    } },
    var.database == null ? {} : {
      "warehouse-storage" = {
        description = "The warehouse's disk has less than 2 GB left"
        namespace   = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = var.database }
        statistic   = "Minimum", threshold = 2 * pow(1024, 3), period = 300, periods = 3, missing = "breaching"
      }
      "warehouse-cpu" = {
        description = "The warehouse's processor is busy to more than 90 %"
        namespace   = "AWS/RDS", metric = "CPUUtilization", dimensions = { DBInstanceIdentifier = var.database }
        statistic   = "Average", threshold = 90, period = 300, periods = 6, missing = "notBreaching"
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.description}. Runbook: ${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.key == "warehouse-storage" ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.periods
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = var.log_queries ? {
    "errors"      = "fields @timestamp, @log, message, code, hint | filter level = \"error\" | sort @timestamp desc | limit 100"
    "slowest"     = "filter type = \"platform.report\" | sort record.metrics.durationMs desc | limit 20"
    "quarantined" = "fields @timestamp, step, quarantined | filter quarantined > 0 | sort @timestamp desc | limit 100"
  } : {}

  name            = "${var.name}/${each.key}"
  log_group_names = [for f in var.functions : f.log_group]
  query_string    = each.value
}

resource "aws_budgets_budget" "this" {
  count        = var.budget > 0 ? 1 : 0
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.budget)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = ["user:deployment$${var.name}"]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      comparison_operator       = "GREATER_THAN"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }
}
