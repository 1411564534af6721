# The parts: what docker-compose.yml has as services (a test compares them).
locals {
  alive = "test $(( $(date +%s) - $(stat -c %Y /tmp/alive) )) -lt 30"
  ask   = "python -c \"from urllib.request import urlopen; urlopen('http://127.0.0.1:%s', timeout=3)\""

  parts = merge(
    {
      web = {
        command = ["web", "--bind", "0.0.0.0"]
        cpu     = var.web.cpu
        memory  = var.web.memory
        min     = var.web.min
        max     = var.web.max
        check   = format(local.ask, "8000/health/live") # not ready: ECS restarts what fails
        stop    = 30
      }
      beat = {
        command = ["beat"]
        cpu     = 256
        memory  = 512
        min     = 1
        max     = 1
        check   = local.alive
        stop    = 10
      }
      flower = { # not behind the load balancer: whoever gets in may start tasks
        command = ["flower", "--bind", "0.0.0.0"]
        cpu     = 256
        memory  = 512
        min     = 1
        max     = 1
        check   = format(local.ask, "5555/healthcheck")
        stop    = 10
      }
    },
    {
      for name, worker in var.workers : name => {
        command = [name]
        cpu     = worker.cpu
        memory  = worker.memory
        min     = worker.min
        max     = worker.max
        check   = local.alive
        stop    = 70 # above TASK_TIME_LIMIT_SECONDS; longer exports and trainings are given back
      }
    },
  )

  settings = merge(
    {
      HTTPS                = "1"
      ALLOWED_HOSTS        = var.host
      CSRF_TRUSTED_ORIGINS = "https://${var.host}"
      PUBLIC_URL           = "https://${var.host}"
      WORKER_METRICS_PORT  = "9100"
    },
    var.settings,
  )

  secrets = merge(
    {
      for name in ["SECRET_KEY", "METRICS_TOKEN", "FLOWER_BASIC_AUTH"] :
      name => "${aws_secretsmanager_secret.desk["own"].arn}:${name}::"
    },
    {
      for name in ["DATABASE_URL", "REDIS_URL"] :
      name => "${aws_secretsmanager_secret.desk["addresses"].arn}:${name}::"
    },
    {
      for name in var.read_replica ? ["DATABASE_REPLICA_URL"] : [] :
      name => "${aws_secretsmanager_secret.desk["addresses"].arn}:${name}::"
    },
    var.extra_secrets,
  )

  # The task monitor asks the broker only, and nobody else needs its password.
  needed = {
    for name in concat(keys(local.parts), ["migrate"]) : name => [
      for secret in local.container.secrets : secret
      if name == "flower" ? contains(["FLOWER_BASIC_AUTH", "REDIS_URL", "CELERY_BROKER_URL"], secret.name) : secret.name != "FLOWER_BASIC_AUTH"
    ]
  }

  container = {
    image                  = var.image
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    environment            = [for name in sort(keys(local.settings)) : { name = name, value = local.settings[name] }]
    secrets                = [for name in sort(keys(local.secrets)) : { name = name, valueFrom = local.secrets[name] }]
  }
}
