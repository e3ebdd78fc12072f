locals {
  region = data.aws_region.current.name

  # Rows of the dashboard, from the question of a manager down to the machine.
  widgets = [
    {
      title = "How old is the newest data, in seconds"
      metrics = [for step in sort(tolist(local.freshness_steps)) :
      ["tote", "freshness_seconds", "environment", var.environment, "step", step, { stat = "Maximum" }]]
    },
    {
      title = "Rows"
      metrics = flatten([for step in sort(tolist(local.freshness_steps)) : [
        ["tote", "rows", "environment", var.environment, "step", step, { stat = "Sum" }],
        ["tote", "deleted", "environment", var.environment, "step", step, { stat = "Sum" }],
      ]])
    },
    {
      title   = "Rows put aside"
      metrics = [["tote", "quarantined", "environment", var.environment, "step", "process", { stat = "Sum" }]]
    },
    {
      title   = "Failures"
      metrics = [for f in values(var.functions) : ["AWS/Lambda", "Errors", "FunctionName", f.name, { stat = "Sum" }]]
    },
    {
      title   = "Duration, in milliseconds"
      metrics = [for f in values(var.functions) : ["AWS/Lambda", "Duration", "FunctionName", f.name, { stat = "Maximum" }]]
    },
    {
      title = "Waiting and dead messages"
      metrics = flatten([for q in values(var.queues) : [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", q.name, { stat = "Maximum" }],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", q.dead_name, { stat = "Maximum" }],
      ]])
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type = "alarm", x = 0, y = 0, width = 24, height = 4
        properties = {
          title  = "Alarms"
          alarms = [for key in sort(keys(local.alarms)) : aws_cloudwatch_metric_alarm.this[key].arn]
        }
      }],
      [for index, widget in local.widgets : {
        type = "metric", x = 8 * (index % 3), y = 4 + 6 * floor(index / 3), width = 8, height = 6
        properties = {
          title   = widget.title
          region  = local.region
          view    = "timeSeries"
          period  = 300
          metrics = widget.metrics
        }
      }],
    )
  })
}
