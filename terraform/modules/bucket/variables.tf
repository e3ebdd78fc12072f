variable "name" {
  description = "Name of the bucket, unique in the whole of S3."
  type        = string
}

variable "kms_key_arn" {
  description = "Key that encrypts the objects. Null: S3's own (SSE-S3)."
  type        = string
  default     = null
}

variable "overwritable" {
  description = "Key patterns that may be written without If-None-Match: hints and pointers that hold nothing of their own."
  type        = list(string)
  default     = []
}

variable "settings" {
  description = <<-END
    tls_only: refuse plain HTTP; off only against a local server that speaks nothing else.
    write_once: refuse every write without If-None-Match, but for the keys in `overwritable`.
    noncurrent_days: after so many a version that was deleted or replaced goes for good; current objects never expire.
    object_lock_days: for so long nobody can delete a version (governance mode); only when the bucket is made.
    force_destroy: let `terraform destroy` delete a bucket that holds objects.
  END
  type = object({
    tls_only         = optional(bool, true)
    write_once       = optional(bool, true)
    noncurrent_days  = optional(number, 90)
    object_lock_days = optional(number, 0)
    force_destroy    = optional(bool, false)
  })
  default = {}
}

variable "expire_days" {
  description = "Days after which objects go. 0: never, as it must be for everything that holds data of its own."
  type        = number
  default     = 0
}

variable "more_policy" {
  description = "Further statements of the bucket policy, as JSON documents."
  type        = list(string)
  default     = []
}
