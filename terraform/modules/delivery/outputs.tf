output "roles" {
  description = "ARNs of the roles for GitHub's workflows."
  value       = { for key, role in aws_iam_role.this : key => role.arn }
}

output "permissions_boundary_arn" {
  description = "Boundary for the deployment's roles."
  value       = aws_iam_policy.boundary.arn
}
