terraform {
  required_version = ">= 1.10" # the first whose S3 backend locks without DynamoDB

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }

  # Filled in by -backend-config=environments/<environment>/backend.hcl
  backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      project     = var.project
      environment = var.environment
      deployment  = "${var.project}-${var.environment}"
    }
  }
}
