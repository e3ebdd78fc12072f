variable "name" {
  description = "Name of the function, with which all names begin."
  type        = string
}

variable "function_arn" {
  description = "Function to start."
  type        = string
}

variable "schedules" {
  description = "When, as EventBridge Scheduler writes it, and with which JSON input."
  type = map(object({
    description = string
    expression  = string
    input       = string
  }))
}

variable "enabled" {
  description = "False: the schedules are there but start nothing."
  type        = bool
}

variable "permissions_boundary_arn" {
  description = "Boundary of the role's permissions."
  type        = string
  default     = null
}
