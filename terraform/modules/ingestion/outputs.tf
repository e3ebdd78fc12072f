output "bucket" {
  description = "Name of the ingestion bucket."
  value       = module.bucket.name
}

output "bucket_arn" {
  description = "ARN of the ingestion bucket."
  value       = module.bucket.arn
}

output "secret_arn" {
  description = "ARN of the secret that holds the source's URL."
  value       = aws_secretsmanager_secret.source.arn
}

output "environment" {
  description = "Environment that names the source."
  value       = { for name, value in local.environment : name => value if startswith(name, "TOTE_SOURCE_") }
}

output "function" {
  description = "The ingest function."
  value       = module.function
}

output "schedules" {
  description = "Names of the schedules."
  value       = module.schedule.names
}
