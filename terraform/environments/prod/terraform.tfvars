# Nothing goes away by mistake.
environment      = "prod"
alarm_emails     = []
object_lock_days = 30
budget           = 100

# The warehouse: RDS, in a VPC without internet that the load function shares.
network  = { create = true, load = true }
database = { instance_class = "db.t4g.small", multi_az = false, backup_days = 14 }
