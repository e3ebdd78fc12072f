variable "name" {
  description = "Beginning of all names: project and environment."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC."
  type        = string
}

variable "zones" {
  description = "Number of availability zones; RDS wants two."
  type        = number
  default     = 2
}

variable "databases" {
  description = "Databases outside this VPC that the functions must reach: addresses and port."
  type = list(object({
    cidr = string
    port = optional(number, 5432)
  }))
  default = []
}

variable "route" {
  description = "How those databases are reached: through a peering connection or a transit gateway. Null: no route."
  type = object({
    vpc_peering_connection_id = optional(string)
    transit_gateway_id        = optional(string)
  })
  default = null
}
