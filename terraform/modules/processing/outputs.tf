output "bucket" {
  description = "Name of the processed bucket."
  value       = module.bucket.name
}

output "bucket_arn" {
  description = "ARN of the processed bucket."
  value       = module.bucket.arn
}

output "function" {
  description = "The process function."
  value       = module.function
}

output "queue" {
  description = "The queue of new batches."
  value       = module.queue
}

output "glue_database" {
  description = "Glue database of the tables."
  value       = aws_glue_catalog_database.this.name
}

output "athena_workgroup" {
  description = "Athena workgroup."
  value       = aws_athena_workgroup.this.name
}
