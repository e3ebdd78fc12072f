output "bucket" {
  description = "Name of the site bucket."
  value       = module.bucket.name
}

output "bucket_arn" {
  description = "ARN of the site bucket."
  value       = module.bucket.arn
}

output "function" {
  description = "The publish function."
  value       = module.function
}

output "url" {
  description = "Where the page is; null without CloudFront."
  value = !var.cloudfront ? null : "https://${
    var.domain == null ? aws_cloudfront_distribution.this[0].domain_name : var.domain.name
  }/"
}
