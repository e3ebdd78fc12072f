output "state_bucket" {
  description = "Bucket of the states, for environments/*/backend.hcl."
  value       = module.state.name
}

output "roles" {
  description = "Roles of GitHub's workflows by environment: variables AWS_PLAN_ROLE and AWS_APPLY_ROLE of the repository."
  value       = { for environment, delivery in module.delivery : environment => delivery.roles }
}

output "permissions_boundaries" {
  description = "Value of permissions_boundary_arn by environment."
  value       = { for environment, delivery in module.delivery : environment => delivery.permissions_boundary_arn }
}
