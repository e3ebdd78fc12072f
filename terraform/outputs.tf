output "buckets" {
  description = "The buckets by zone."
  value = {
    ingestion = module.ingestion.bucket
    processed = module.processing.bucket
    site      = one(module.presentation[*].bucket)
  }
}

output "secrets" {
  description = "Secrets to fill: docs/how-to/deploy-to-aws.md."
  value = {
    source    = module.ingestion.secret_arn
    warehouse = module.warehouse.secret_arn
  }
}

output "functions" {
  description = "Functions by step: name, role, log group."
  value       = { for step, f in local.steps : step => { name = f.name, arn = f.arn, role = f.role_name, log_group = f.log_group } }
}

output "queues" {
  description = "Queues by step, each with its dead-letter queue."
  value       = local.queues
}

output "schedules" {
  description = "Schedules, to pause and resume by hand."
  value       = concat(module.ingestion.schedules, module.doctor_schedule.names)
}

output "alarms" {
  description = "Topic of the alarms, and their names."
  value       = { topic = module.monitoring.topic_arn, names = module.monitoring.alarms }
}

output "database" {
  description = "Address of the RDS instance and its master's secret; null where there is none."
  value       = module.warehouse.database
}

output "page" {
  description = "Where the page is; null without CloudFront."
  value       = one(module.presentation[*].url)
}

output "athena" {
  description = "Where to ask the lake in SQL."
  value       = { workgroup = module.processing.athena_workgroup, database = module.processing.glue_database }
}
