# SmartOps on AWS: Fargate, Aurora PostgreSQL, ElastiCache, an application load balancer. Generated passwords are
# in the state: keep that in an encrypted bucket (backend "s3" with a KMS key) that few may read.
terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { Application = "smartops", Deployment = var.name }
  }
}
