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

# What must wake somebody, or be a ticket, at its first case. A counter of the job has no series before it first counts, so
# that from none to one is no growth; and a bundle that fails takes its counters with it. A log line does neither.
locals {
  told = {
    step_failed           = { says = "Failures of a step, each of which is tried again.", event = "step_failed", reasons = [] }
    state_unreadable      = { says = "Events and timers that met a state nobody can decode.", event = "state_unreadable", reasons = [] }
    plan_refused          = { says = "Plans that a worker refused.", event = "plan_refused", reasons = [] }
    sink_rows_refused     = { says = "Rows that BigQuery did not or would not take.", event = "dead_letter", reasons = ["row_invalid", "row_rejected"] }
    sink_messages_refused = { says = "Records too large for a message.", event = "dead_letter", reasons = ["record_too_large"] }
  }
  log_lines = "resource.type=\"dataflow_step\" AND resource.labels.job_name=(${join(" OR ", [for name in var.jobs.watched : "\"${name}\""])})"
}

resource "google_logging_metric" "told" {
  for_each = local.told

  project     = var.project_id
  name        = "nextbeam_${each.key}"
  description = each.value.says
  filter = join(" AND ", concat(
    [local.log_lines, "jsonPayload.message:\"\\\"event\\\": \\\"${each.value.event}\\\"\""],
    length(each.value.reasons) == 0 ? [] : [
      "jsonPayload.message:(${join(" OR ", [for reason in each.value.reasons : "\"\\\"reason\\\": \\\"${reason}\\\"\""])})"
    ],
  ))

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
  filter          = "resource.type=\"dataflow_step\" AND resource.labels.job_name=\"${var.jobs.deciding}\" AND jsonPayload.message:\"\\\"event\\\": \\\"heartbeat\\\"\""
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
