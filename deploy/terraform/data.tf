resource "aws_db_subnet_group" "desk" {
  name       = var.name
  subnet_ids = var.private_subnet_ids
}

resource "aws_rds_cluster_parameter_group" "desk" {
  name_prefix = "${var.name}-"
  family      = "aurora-postgresql${split(".", var.database.engine_version)[0]}"
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
  parameter {
    name  = "log_statement"
    value = "ddl"
  }
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_rds_cluster" "desk" {
  #checkov:skip=CKV_AWS_162:connections go by a password in DATABASE_URL
  #checkov:skip=CKV2_AWS_8:Aurora's own backups go back var.backup_days; a vault of another account is the owner's choice
  #checkov:skip=CKV_AWS_139:see var.protect
  cluster_identifier_prefix       = "${var.name}-"
  engine                          = "aurora-postgresql"
  engine_version                  = var.database.engine_version
  database_name                   = "smartops"
  master_username                 = "smartops"
  master_password                 = random_password.made["database"].result
  db_subnet_group_name            = aws_db_subnet_group.desk.name
  db_cluster_parameter_group_name = aws_rds_cluster_parameter_group.desk.name
  vpc_security_group_ids          = [aws_security_group.data.id]
  storage_encrypted               = true
  kms_key_id                      = aws_kms_key.desk.arn
  backup_retention_period         = var.backup_days
  copy_tags_to_snapshot           = true
  deletion_protection             = var.protect
  skip_final_snapshot             = !var.protect
  final_snapshot_identifier       = "${var.name}-final"
  enabled_cloudwatch_logs_exports = ["postgresql"]
  serverlessv2_scaling_configuration {
    min_capacity = var.database.min_capacity
    max_capacity = var.database.max_capacity
  }
}

resource "aws_rds_cluster_instance" "desk" {
  #checkov:skip=CKV_AWS_118:Performance Insights tells more, every second, and costs less
  count                           = var.database.instances
  identifier_prefix               = "${var.name}-${count.index}-"
  cluster_identifier              = aws_rds_cluster.desk.id
  engine                          = aws_rds_cluster.desk.engine
  engine_version                  = aws_rds_cluster.desk.engine_version
  instance_class                  = "db.serverless"
  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.desk.arn
}

resource "aws_elasticache_subnet_group" "broker" {
  name       = var.name
  subnet_ids = var.private_subnet_ids
}

resource "aws_elasticache_parameter_group" "broker" {
  name   = "${var.name}-broker"
  family = "valkey8"
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction" # a message that was evicted would be lost until a sweep finds its row
  }
}

# A single shard: Celery's transport needs several keys in one command.
resource "aws_elasticache_replication_group" "broker" {
  #checkov:skip=CKV_AWS_31:checkov knows it only by engine "redis"; token and TLS are set below
  replication_group_id       = var.name
  description                = "${var.name}: broker, counters, nudges"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.cache_node_type
  num_cache_clusters         = 2
  automatic_failover_enabled = true
  multi_az_enabled           = true
  parameter_group_name       = aws_elasticache_parameter_group.broker.name
  subnet_group_name          = aws_elasticache_subnet_group.broker.name
  security_group_ids         = [aws_security_group.data.id]
  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.desk.arn
  transit_encryption_enabled = true
  auth_token                 = random_password.made["broker"].result
  apply_immediately          = true
}
