data "aws_partition" "current" {}

locals {
  caching_optimized = "658327ea-f89d-4fab-a63d-7e88639e58f6" # AWS's managed cache policy of that name, the same in all accounts
}

data "aws_iam_policy_document" "cloudfront" {
  count = var.cloudfront ? 1 : 0

  statement {
    sid       = "CloudFront"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket.name}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudfront_distribution.this[0].arn]
    }
  }
}

resource "aws_cloudfront_origin_access_control" "this" {
  count                             = var.cloudfront ? 1 : 0
  name                              = var.bucket.name
  description                       = "CloudFront signs its requests to ${var.bucket.name}"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_function" "gate" {
  count   = var.cloudfront ? 1 : 0
  name    = "${var.name}-gate"
  comment = "Lets through whom the variable gate names, and nobody else"
  runtime = "cloudfront-js-2.0"
  publish = true
  code = templatefile("${path.module}/gate.js", {
    addresses = jsonencode(var.gate.addresses)
    passwords = jsonencode([for sum in var.gate.passwords : lower(sum)])
  })
}

resource "aws_cloudfront_response_headers_policy" "this" {
  count   = var.cloudfront ? 1 : 0
  name    = "${var.name}-page"
  comment = "What a browser may do with the page"

  security_headers_config {
    content_security_policy {
      content_security_policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
      override                = true
    }

    content_type_options {
      override = true
    }

    frame_options {
      frame_option = "DENY"
      override     = true
    }

    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }

    strict_transport_security {
      access_control_max_age_sec = 63072000
      include_subdomains         = true
      preload                    = true
      override                   = true
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  count               = var.cloudfront ? 1 : 0
  enabled             = true
  comment             = "The page of ${var.name}"
  default_root_object = "index.html"
  http_version        = "http2and3"
  is_ipv6_enabled     = true
  price_class         = "PriceClass_100"
  aliases             = var.domain == null ? [] : [var.domain.name]

  origin {
    origin_id                = "site"
    domain_name              = module.bucket.regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.this[0].id
  }

  default_cache_behavior {
    target_origin_id           = "site"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = local.caching_optimized
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this[0].id

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.gate[0].arn
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain == null
    acm_certificate_arn            = try(var.domain.certificate_arn, null)
    ssl_support_method             = var.domain == null ? null : "sni-only"
    minimum_protocol_version       = var.domain == null ? null : "TLSv1.2_2021"
  }
}
