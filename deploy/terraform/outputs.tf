output "address" {
  description = "Point var.host here (CNAME or alias)."
  value       = aws_lb.web.dns_name
}

output "migrate" {
  description = "Run this before the first start and before each upgrade, and wait until it has ended with 0."
  value = join(" ", [
    "aws ecs run-task --region ${var.region} --cluster ${aws_ecs_cluster.desk.name} --launch-type FARGATE",
    "--task-definition ${aws_ecs_task_definition.migrate.family}",
    "--network-configuration 'awsvpcConfiguration={subnets=[${join(",", var.private_subnet_ids)}],securityGroups=[${aws_security_group.desk.id}]}'",
  ])
}
