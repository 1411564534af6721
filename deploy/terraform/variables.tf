variable "region" {
  type        = string
  description = "Such as eu-central-1."
}

variable "name" {
  type        = string
  default     = "smartops"
  description = "What every resource's name begins with; another one for each desk of an account."
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "2 to 20 characters: lower case letters, digits, hyphens; a letter first."
  }
}

variable "image" {
  type        = string
  description = "The image in a registry that ECS may read, by exact tag or digest: 1234.dkr.ecr.….amazonaws.com/smartops:0.1.0."
  validation {
    condition     = !endswith(var.image, ":latest") && can(regex("[:@]", var.image))
    error_message = "Name an exact version, so that what runs is what was meant."
  }
}

variable "vpc_id" {
  type        = string
  description = "The network. Private subnets must have a way out (NAT) for webhooks, mail and the registry."
}

variable "public_subnet_ids" {
  type        = list(string)
  description = "At least two, for the load balancer."
  validation {
    condition     = length(var.public_subnet_ids) >= 2
    error_message = "A load balancer needs subnets in two zones."
  }
}

variable "private_subnet_ids" {
  type        = list(string)
  description = "At least two, for everything else."
  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "Aurora needs subnets in two zones."
  }
}

variable "host" {
  type        = string
  description = "Under which name people reach the desk, such as desk.example.com."
}

variable "certificate_arn" {
  type        = string
  description = "A certificate of ACM for `host`."
}

variable "allowed_cidrs" {
  type        = list(string)
  description = "Who may reach the load balancer."
}

variable "settings" {
  type        = map(string)
  default     = {}
  description = "Whatever .env.example lists and is no secret."
}

variable "extra_secrets" {
  type        = map(string)
  default     = {}
  description = "Setting to ARN of a secret, for EMAIL_HOST_PASSWORD, LLM_API_KEY and such."
}

variable "running" {
  type        = bool
  default     = true
  description = "false at first: everything but the services, so that the tables can be made before they start."
}

variable "web" {
  type        = object({ cpu = number, memory = number, min = number, max = number })
  default     = { cpu = 512, memory = 1024, min = 2, max = 6 }
  description = "CPU in 1/1024 of a core, memory in MB, how many."
}

variable "workers" {
  type = map(object({ cpu = number, memory = number, min = number, max = number }))
  default = {
    core    = { cpu = 1024, memory = 2048, min = 2, max = 10 }
    io      = { cpu = 256, memory = 512, min = 1, max = 4 }
    llm     = { cpu = 256, memory = 512, min = 1, max = 2 }
    reports = { cpu = 512, memory = 1024, min = 1, max = 1 }
  }
  description = "The same for each class of workers. Of reports, `min` run: they are not scaled."
  validation {
    condition     = length(setsubtract(["core", "io", "llm", "reports"], keys(var.workers))) == 0
    error_message = "All four classes are needed: each reads queues that no other does."
  }
}

variable "cpu_target" {
  type        = number
  default     = 60
  description = "Percent of CPU that scaling keeps web and workers at."
}

variable "database" {
  type        = object({ engine_version = string, min_capacity = number, max_capacity = number, instances = number })
  default     = { engine_version = "17.4", min_capacity = 0.5, max_capacity = 8, instances = 2 }
  description = "Aurora PostgreSQL 15 to 18; capacity in ACU (2 GB each); a second instance takes over within a minute."
}

variable "read_replica" {
  type        = bool
  default     = false
  description = "Read figures, the dashboard and streamed files from the cluster's second instance."
}

variable "backup_days" {
  type        = number
  default     = 14
  description = "So far back the database can be restored, to the second."
}

variable "cache_node_type" {
  type        = string
  default     = "cache.t4g.small"
  description = "The broker needs little: messages are short, and losing them loses nothing."
}

variable "log_days" {
  type    = number
  default = 365
}

variable "protect" {
  type        = bool
  default     = true
  description = "Refuse to delete database and load balancer."
}

variable "access_log_bucket" {
  type        = string
  default     = ""
  description = "An S3 bucket for the load balancer's access log; empty: none."
}
