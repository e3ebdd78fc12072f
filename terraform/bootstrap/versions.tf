terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }

  # The first state lies beside this file; README.md says how it moves into the bucket that it makes.
  backend "local" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      project = var.project
      part    = "bootstrap"
    }
  }
}
