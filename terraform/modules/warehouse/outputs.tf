output "secret_arn" {
  description = "ARN of the secret that holds the warehouse's URL."
  value       = aws_secretsmanager_secret.warehouse.arn
}

output "environment" {
  description = "Environment that names the warehouse."
  value       = local.environment
}

output "function" {
  description = "The load function."
  value       = module.function
}

output "queue" {
  description = "The queue of new batches."
  value       = module.queue
}

output "database" {
  description = "Address of the RDS instance and its master's secret; null where there is none."
  value = length(local.database) == 0 ? null : {
    address       = aws_db_instance.this[0].address
    port          = aws_db_instance.this[0].port
    name          = aws_db_instance.this[0].db_name
    identifier    = aws_db_instance.this[0].identifier
    master_secret = one(aws_db_instance.this[0].master_user_secret[*].secret_arn)
  }
}
