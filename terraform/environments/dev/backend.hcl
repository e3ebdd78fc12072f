# Made by terraform/bootstrap, which prints the name of the bucket.
bucket       = "tote-state-ACCOUNT"
key          = "tote-dev/terraform.tfstate"
region       = "eu-west-2"
encrypt      = true
use_lockfile = true
