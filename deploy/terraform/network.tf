resource "aws_security_group" "balancer" {
  name_prefix = "${var.name}-balancer-"
  description = "People and monitoring to the load balancer"
  vpc_id      = var.vpc_id
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "desk" {
  name_prefix = "${var.name}-desk-"
  description = "Web, workers, beat, Flower"
  vpc_id      = var.vpc_id
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "data" {
  name_prefix = "${var.name}-data-"
  description = "Database and broker: asked by the desk, ask nobody"
  vpc_id      = var.vpc_id
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "https" {
  for_each          = toset(var.allowed_cidrs)
  security_group_id = aws_security_group.balancer.id
  description       = "HTTPS"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "balancer_to_web" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "Web"
  referenced_security_group_id = aws_security_group.desk.id
  ip_protocol                  = "tcp"
  from_port                    = 8000
  to_port                      = 8000
}

resource "aws_vpc_security_group_ingress_rule" "web_from_balancer" {
  security_group_id            = aws_security_group.desk.id
  description                  = "Web"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = 8000
  to_port                      = 8000
}

resource "aws_vpc_security_group_egress_rule" "desk_out" {
  #checkov:skip=CKV_AWS_382:webhooks, mail servers and language models are anywhere; the desk itself checks addresses
  security_group_id = aws_security_group.desk.id
  description       = "Webhooks, mail, language models, AWS"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_vpc_security_group_ingress_rule" "data_from_desk" {
  for_each                     = { database = 5432, broker = 6379 }
  security_group_id            = aws_security_group.data.id
  description                  = each.key
  referenced_security_group_id = aws_security_group.desk.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}
