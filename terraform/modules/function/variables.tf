variable "name" {
  description = "Name of the function, its role and its log group."
  type        = string
}

variable "description" {
  description = "What the function does, in one sentence."
  type        = string
}

variable "handler" {
  description = "Which of the program's handlers: ingest, process, load, publish or doctor."
  type        = string
}

variable "zip" {
  description = "Path of the zip to deploy."
  type        = string
}

variable "policy" {
  description = "What the function may do, as a JSON policy document. Logs and networking are added."
  type        = string
}

variable "environment" {
  description = "Environment of the function: TOTE_* variables. No secrets, only references to them."
  type        = map(string)
}

variable "common" {
  description = "What all functions share."
  type = object({
    architecture             = string
    log_retention_days       = number
    kms_key_arn              = string
    permissions_boundary_arn = optional(string)
  })
}

variable "size" {
  description = "Memory in MB, time-out in seconds, /tmp in MB; reserved is the reserved concurrency, -1 for none."
  type = object({
    memory   = number
    timeout  = number
    tmp      = optional(number, 512)
    reserved = optional(number, -1)
  })
}

variable "network" {
  description = "Subnets and security groups. Null: outside every VPC, with the internet in reach."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}
