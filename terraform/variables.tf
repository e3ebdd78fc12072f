# ---- what every deployment says ----

variable "environment" {
  description = "dev or prod: part of every name, and a dimension of the metrics."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}$", var.environment))
    error_message = "The environment is up to 16 lower-case letters, digits and dashes, beginning with a letter."
  }
}

variable "alarm_emails" {
  description = "Who is told when something is wrong. Each address must confirm the e-mail that AWS sends."
  type        = list(string)
}

variable "project" {
  description = "Beginning of every name."
  type        = string
  default     = "tote"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,15}$", var.project))
    error_message = "The project is up to 16 lower-case letters, digits and dashes, beginning with a letter."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "eu-west-2"
}

# ---- what runs ----

variable "zip_directory" {
  description = "Where `make lambda` put the zips."
  type        = string
  default     = "../build/lambda"
}

variable "architecture" {
  description = "arm64 (a fifth cheaper) or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "sizes" {
  description = "Memory (MB), time-out (s), /tmp (MB) and reserved concurrency (-1: none) of each function."
  type = map(object({
    memory   = number
    timeout  = number
    tmp      = optional(number, 512)
    reserved = optional(number, -1)
  }))
  default = {
    ingest  = { memory = 512, timeout = 300, tmp = 1024 }
    process = { memory = 2048, timeout = 300, tmp = 4096 }
    load    = { memory = 1024, timeout = 300, tmp = 2048 }
    publish = { memory = 1024, timeout = 300 }
    doctor  = { memory = 512, timeout = 120 }
  }

  validation {
    condition     = length(setsubtract(["ingest", "process", "load", "publish", "doctor"], keys(var.sizes))) == 0
    error_message = "Sizes are needed for ingest, process, load, publish and doctor."
  }
}

variable "function_environment" {
  description = "Further TOTE_* options of all functions. Never a secret."
  type        = map(string)
  default     = {}
}

variable "schedule" {
  description = "How often the source is captured, as EventBridge Scheduler writes it."
  type        = string
  default     = "rate(5 minutes)"
}

variable "full_compare_schedule" {
  description = "When every row is compared by content, as EventBridge Scheduler writes it. Empty: never by schedule."
  type        = string
  default     = "cron(30 3 ? * SUN *)"
}

variable "doctor_schedule" {
  description = "When doctor looks at everything, as EventBridge Scheduler writes it."
  type        = string
  default     = "cron(0 6 * * ? *)"
}

variable "schedule_enabled" {
  description = "False until the secrets have values; then true."
  type        = bool
  default     = true
}

# ---- where the data comes from and goes to ----

variable "source_exclude" {
  description = "Tables of the source that are left out."
  type        = list(string)
  default     = ["_prisma_migrations"]
}

variable "warehouse_schema" {
  description = "Schema of the warehouse's tables. Empty: public."
  type        = string
  default     = ""
}

variable "database" {
  description = "The RDS PostgreSQL to make for the warehouse. Null: bring your own, and put its URL into the secret. Needs network.create and network.load."
  type = object({
    instance_class      = optional(string, "db.t4g.micro")
    engine_version      = optional(string, "16")
    storage_gb          = optional(number, 20)
    storage_max_gb      = optional(number, 100)
    multi_az            = optional(bool, false)
    backup_days         = optional(number, 7)
    deletion_protection = optional(bool, true)
    final_snapshot      = optional(bool, true)
  })
  default = null

  validation {
    condition     = var.database == null || (var.network.create && var.network.load)
    error_message = "A database needs network.create and network.load: it is reached from inside the VPC only."
  }
}

variable "network" {
  description = <<-END
    create: make a VPC (`cidr`) without internet; else `existing` may name subnets and security groups.
    ingest, load: which functions run in it; the others run outside, with the internet in reach.
    databases, route: databases outside the VPC, and the peering connection or transit gateway that leads to them.
  END
  type = object({
    create = optional(bool, false)
    cidr   = optional(string, "10.61.0.0/20")
    ingest = optional(bool, false)
    load   = optional(bool, false)
    databases = optional(list(object({
      cidr = string
      port = optional(number, 5432)
    })), [])
    route = optional(object({
      vpc_peering_connection_id = optional(string)
      transit_gateway_id        = optional(string)
    }))
    existing = optional(object({
      subnet_ids         = list(string)
      security_group_ids = list(string)
    }))
  })
  default = {}

  validation {
    condition     = !(var.network.ingest || var.network.load) || var.network.create || var.network.existing != null
    error_message = "Functions in a VPC need network.create or network.existing."
  }
}

variable "page" {
  description = "publish: keep a page in a bucket of its own; cloudfront: show it; domain: its name and certificate (us-east-1)."
  type = object({
    publish    = optional(bool, true)
    cloudfront = optional(bool, true)
    domain = optional(object({
      name            = string
      certificate_arn = string
    }))
  })
  default = {}
}

variable "page_gate" {
  description = "Who may see the page: addresses, and SHA-256 sums of `user:password`. Both empty: nobody."
  type = object({
    addresses = optional(list(string), [])
    passwords = optional(list(string), [])
  })
  default   = {}
  sensitive = true
}

variable "catalog_tables" {
  description = "Delta tables to show in Glue and Athena: name -> directory in the processed bucket. `terraform/catalog` prints them."
  type        = map(string)
  default     = {}
}

variable "athena_scan_limit_bytes" {
  description = "An Athena query that would read more than this is ended."
  type        = number
  default     = 10737418240
}

# ---- how long things are kept, and how well ----

variable "noncurrent_days" {
  description = "Days after which a deleted or replaced version of an object goes for good. Current objects never expire."
  type        = number
  default     = 90
}

variable "object_lock_days" {
  description = "Days during which nobody can delete an object of the lake (governance mode). 0: no lock. Only when the buckets are made."
  type        = number
  default     = 0
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 365
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete buckets that hold objects."
  type        = bool
  default     = false
}

variable "secret_recovery_days" {
  description = "Days during which a deleted secret can be had back. 0: gone at once."
  type        = number
  default     = 30
}

variable "key_deletion_days" {
  description = "Days between the deletion of the key and its end, with which everything encrypted by it ends."
  type        = number
  default     = 30
}

variable "permissions_boundary_arn" {
  description = "Boundary of all roles, as terraform/bootstrap makes it. Null: none."
  type        = string
  default     = null
}

variable "tls_only" {
  description = "Refuse plain HTTP at buckets and queues. Off only against a local server that speaks nothing else."
  type        = bool
  default     = true
}

# ---- who watches ----

variable "freshness_minutes" {
  description = "Alarm when the newest snapshot is older than this in any step, or a step says nothing for so long."
  type        = number
  default     = 30
}

variable "queue_age_minutes" {
  description = "Alarm when a message waits for longer."
  type        = number
  default     = 30
}

variable "log_queries" {
  description = "Keep ready-made questions to the logs (CloudWatch Logs Insights)."
  type        = bool
  default     = true
}

variable "budget" {
  description = "Monthly limit in US dollars; an e-mail at 80 % and when the forecast exceeds it. 0: no budget."
  type        = number
  default     = 50
}
