data "aws_caller_identity" "here" {}

# One key for everything at rest.
resource "aws_kms_key" "desk" {
  description             = "${var.name}: database, broker, secrets, logs"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:the account's administrators own the key, or nobody could ever change it
  #checkov:skip=CKV_AWS_111:the same
  #checkov:skip=CKV_AWS_356:in a key's policy, * is this key
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.here.account_id}:root"]
    }
  }
  statement {
    sid       = "Logs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:aws:logs:${var.region}:${data.aws_caller_identity.here.account_id}:log-group:/${var.name}*"]
    }
  }
}

resource "random_password" "made" {
  for_each = { secret_key = 64, database = 40, broker = 40, metrics = 40, flower = 24 }
  length   = each.value
  special  = false # they stand in addresses
}

resource "aws_secretsmanager_secret" "desk" {
  #checkov:skip=CKV2_AWS_57:SECRET_KEY is changed by people, with SECRET_KEY_FALLBACKS (docs/operations.md)
  for_each                = toset(["own", "addresses"])
  name_prefix             = "${var.name}/${each.key}-"
  kms_key_id              = aws_kms_key.desk.arn
  recovery_window_in_days = 30
}

# Made once. Who changes them here later does so in Secrets Manager, and restarts the services.
resource "aws_secretsmanager_secret_version" "own" {
  secret_id = aws_secretsmanager_secret.desk["own"].id
  secret_string = jsonencode({
    SECRET_KEY        = random_password.made["secret_key"].result
    METRICS_TOKEN     = random_password.made["metrics"].result
    FLOWER_BASIC_AUTH = "admin:${random_password.made["flower"].result}"
  })
  lifecycle {
    ignore_changes = [secret_string]
  }
}

resource "aws_secretsmanager_secret_version" "addresses" {
  secret_id = aws_secretsmanager_secret.desk["addresses"].id
  secret_string = jsonencode({
    DATABASE_URL         = "postgresql://smartops:${random_password.made["database"].result}@${aws_rds_cluster.desk.endpoint}:5432/smartops?sslmode=require"
    DATABASE_REPLICA_URL = "postgresql://smartops:${random_password.made["database"].result}@${aws_rds_cluster.desk.reader_endpoint}:5432/smartops?sslmode=require"
    REDIS_URL            = "rediss://:${random_password.made["broker"].result}@${aws_elasticache_replication_group.broker.primary_endpoint_address}:6379/0"
  })
}
