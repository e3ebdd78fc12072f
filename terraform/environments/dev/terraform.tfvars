# Small, cheap, easy to throw away.
environment          = "dev"
alarm_emails         = []
log_retention_days   = 30
force_destroy        = true
secret_recovery_days = 7
key_deletion_days    = 7
noncurrent_days      = 14
budget               = 20
