locals {
  severities = { page = "CRITICAL", ticket = "WARNING" }
  channels = {
    page   = concat(var.pager_channels, [for channel in google_monitoring_notification_channel.email : channel.id])
    ticket = [for channel in google_monitoring_notification_channel.email : channel.id]
  }
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.emails

  project      = var.project_id
  type         = "email"
  display_name = "Nextbeam: ${each.value}"
  labels       = { email_address = each.value }
  user_labels  = var.labels
}

# Counters go with the bundle that fails; a log line does not.
resource "google_logging_metric" "step_failed" {
  project     = var.project_id
  name        = "nextbeam_step_failed"
  description = "Failures of a step, each of which is tried again."
  filter      = "resource.type=\"dataflow_step\" AND jsonPayload.message:\"\\\"event\\\": \\\"step_failed\\\"\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }
}

# Each heartbeat goes all the way and tells how long it took. Unlike the counters this is a distribution that an SLO takes.
resource "google_logging_metric" "heartbeat_age" {
  project         = var.project_id
  name            = "nextbeam_heartbeat_age"
  description     = "How long heartbeats took from publication to the decision on them."
  filter          = "resource.type=\"dataflow_step\" AND jsonPayload.message:\"\\\"event\\\": \\\"heartbeat\\\"\""
  value_extractor = "REGEXP_EXTRACT(jsonPayload.message, \"\\\"age_ms\\\": \\\"([0-9]+)\\\"\")"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "ms"
  }
  bucket_options {
    explicit_buckets {
      bounds = [50, 100, 250, 500, 1000, 2500, 10000, 60000]
    }
  }
}

resource "google_logging_metric" "quality" {
  project     = var.project_id
  name        = "nextbeam_quality_scans"
  description = "Data quality scans that came to an end, by whether all rules passed."
  filter      = "resource.type=\"dataplex.googleapis.com/DataScan\" AND log_id(\"dataplex.googleapis.com/data_scan\") AND jsonPayload.type=\"DATA_QUALITY\" AND jsonPayload.state=\"SUCCEEDED\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
    labels {
      key         = "passed"
      value_type  = "BOOL"
      description = "Whether every rule passed."
    }
  }
  label_extractors = { passed = "EXTRACT(jsonPayload.dataQuality.passed)" }
}
