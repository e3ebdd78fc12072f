output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "The private subnets."
  value       = aws_subnet.private[*].id
}

output "functions_group_id" {
  description = "Security group of the functions."
  value       = aws_security_group.functions.id
}
