resource "aws_ecs_cluster" "desk" {
  name = var.name
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_cloudwatch_log_group" "desk" {
  for_each          = toset(concat(keys(local.parts), ["migrate"]))
  name              = "/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.desk.arn
}

resource "aws_ecs_task_definition" "part" {
  #checkov:skip=CKV_AWS_97:nothing is kept on a shared file system
  for_each                 = local.parts
  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  volume {
    name = "tmp"
  }
  container_definitions = jsonencode([merge(local.container, {
    name         = each.key
    secrets      = local.needed[each.key]
    command      = concat(["python", "-m", "smartops.run"], each.value.command)
    portMappings = each.key == "web" ? [{ containerPort = 8000, protocol = "tcp" }] : []
    stopTimeout  = each.value.stop
    healthCheck = {
      command     = ["CMD-SHELL", each.value.check]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = 60
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.desk[each.key].name
        awslogs-region        = var.region
        awslogs-stream-prefix = each.key
      }
    }
  })])
}

# Run before the services are updated: see the output `migrate`.
resource "aws_ecs_task_definition" "migrate" {
  #checkov:skip=CKV_AWS_97:nothing is kept on a shared file system
  family                   = "${var.name}-migrate"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  volume {
    name = "tmp"
  }
  container_definitions = jsonencode([merge(local.container, {
    name         = "migrate"
    secrets      = local.needed["migrate"]
    command      = ["python", "-m", "smartops.run", "migrate"]
    portMappings = []
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.desk["migrate"].name
        awslogs-region        = var.region
        awslogs-stream-prefix = "migrate"
      }
    }
  })])
}

resource "aws_ecs_service" "part" {
  for_each        = { for name, part in local.parts : name => part if var.running }
  name            = each.key
  cluster         = aws_ecs_cluster.desk.id
  task_definition = aws_ecs_task_definition.part[each.key].arn
  desired_count   = each.value.min
  launch_type     = "FARGATE"
  # beat is stopped before another starts; everything else is replaced without a gap.
  deployment_minimum_healthy_percent = each.key == "beat" ? 0 : 100
  deployment_maximum_percent         = each.key == "beat" ? 100 : 200
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  network_configuration {
    subnets          = var.private_subnet_ids
    security_groups  = [aws_security_group.desk.id]
    assign_public_ip = false
  }
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  dynamic "load_balancer" {
    for_each = each.key == "web" ? [1] : []
    content {
      target_group_arn = aws_lb_target_group.web.arn
      container_name   = "web"
      container_port   = 8000
    }
  }
  lifecycle {
    ignore_changes = [desired_count] # scaling says how many
  }
  depends_on = [aws_lb_listener.https, aws_secretsmanager_secret_version.addresses, aws_secretsmanager_secret_version.own]
}

# By CPU, but for `reports`: taking one away ends what it runs, and little CPU does not mean that it runs nothing.
# By queue depth, AWS would need somebody who writes it to CloudWatch; the Helm chart scales by it (KEDA).
resource "aws_appautoscaling_target" "part" {
  for_each           = { for name, part in local.parts : name => part if var.running && part.max > part.min && name != "reports" }
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.desk.name}/${aws_ecs_service.part[each.key].name}"
  min_capacity       = each.value.min
  max_capacity       = each.value.max
}

resource "aws_appautoscaling_policy" "cpu" {
  for_each           = aws_appautoscaling_target.part
  name               = "${var.name}-${each.key}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  scalable_dimension = each.value.scalable_dimension
  resource_id        = each.value.resource_id
  target_tracking_scaling_policy_configuration {
    target_value       = var.cpu_target
    scale_in_cooldown  = 300
    scale_out_cooldown = 30
    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
