# What is likely to break a promise, before it is broken; and what must not be there at all.
locals {
  count = { for name in concat(
    local.signals_and_outcomes, local.refused,
    ["signals_skipped", "events_decided", "events_observed", "events_duplicate", "heartbeats_answered"],
  ) : name => "(sum(delta({${local.counter}, metric_name=\"${name}\"}[%s])) or vector(0))" }

  came_in = join(" + ", [for name in local.signals_and_outcomes : format(local.count[name], "30m")])
  accounted = join(" + ", [
    for name in ["signals_skipped", "signals_rejected", "outcomes_rejected", "events_decided", "events_observed", "events_duplicate", "events_dead_lettered"] :
    format(local.count[name], "30m")
  ])

  # On the job's own counters.
  counted = {
    heartbeat_absent = {
      urgency  = "page"
      says     = "No heartbeat has been answered for 5 minutes: either none is sent, or nothing comes through."
      query    = "${format(local.count["heartbeats_answered"], "5m")} <= 0"
      duration = "120s"
    }
    accounts_gap = {
      urgency  = "page"
      says     = "What came in is not what was decided, observed, dropped as a duplicate or refused, for 30 minutes."
      query    = "abs((${local.came_in}) - (${local.accounted})) > ${format("%.6g", var.thresholds.accounts_gap_share)} * (${local.came_in})"
      duration = "1800s"
    }
    # A job that was drained, cancelled or never launched has not failed, and tells nothing at all.
    job_absent = {
      urgency  = "page"
      says     = "No job of the name ${var.jobs.deciding} runs: it was drained or cancelled, or has come to its end, and nobody decides."
      query    = "absent_over_time({\"dataflow.googleapis.com/job/system_lag\", monitored_resource=\"dataflow_job\", job_name=\"${var.jobs.deciding}\"}[10m])"
      duration = "0s"
    }
  }

  job           = "resource.type=\"dataflow_job\" AND resource.label.\"job_name\"=\"${var.jobs.deciding}\""
  named         = "resource.label.\"job_name\"=one_of(${join(", ", [for name in var.jobs.watched : "\"${name}\""])})"
  subscriptions = "resource.type=\"pubsub_subscription\" AND resource.label.\"subscription_id\"=one_of(${join(", ", [for name in var.job_subscriptions : "\"${name}\""])})"

  # On log lines: the first one is an alert.
  first_case = {
    for name, metric in google_logging_metric.told :
    name => "metric.type=\"logging.googleapis.com/user/${metric.name}\" AND resource.type=\"dataflow_step\" AND ${local.named}"
  }

  # On what the platform measures.
  measured = {
    system_lag = {
      urgency = "ticket"
      says    = "An element has been in the job, or waited for it, for longer than ${var.thresholds.system_lag_s} s."
      filter  = "metric.type=\"dataflow.googleapis.com/job/system_lag\" AND ${local.job}"
      above   = var.thresholds.system_lag_s
      align   = "ALIGN_MAX"
      lasts   = "300s"
    }
    watermark_age = {
      urgency = "ticket"
      says    = "The job's event time is ${var.thresholds.watermark_age_s} s behind: responses and sessions end late."
      filter  = "metric.type=\"dataflow.googleapis.com/job/data_watermark_age\" AND ${local.job}"
      above   = var.thresholds.watermark_age_s
      align   = "ALIGN_MAX"
      lasts   = "600s"
    }
    backlog_age = {
      urgency = "page"
      says    = "A message has waited for the job for longer than ${var.thresholds.backlog_age_s} s."
      filter  = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND ${local.subscriptions}"
      above   = var.thresholds.backlog_age_s
      align   = "ALIGN_MAX"
      lasts   = "300s"
    }
    job_failed = {
      urgency = "page"
      says    = "The job has failed: nobody decides."
      filter  = "metric.type=\"dataflow.googleapis.com/job/is_failed\" AND resource.type=\"dataflow_job\" AND ${local.named}"
      above   = 0
      align   = "ALIGN_MAX"
      lasts   = "0s"
    }
    step_failed = {
      urgency = "page"
      says    = "A step of the job fails, and its bundle is tried again, and again."
      filter  = local.first_case.step_failed
      above   = 0
      align   = "ALIGN_DELTA"
      lasts   = "0s"
    }
    state_unreadable = {
      urgency = "page"
      says    = "The state of a customer cannot be decoded: contact limits cannot be kept for them, and they get no offer."
      filter  = local.first_case.state_unreadable
      above   = 0
      align   = "ALIGN_DELTA"
      lasts   = "0s"
    }
    plan_refused = {
      urgency = "ticket"
      says    = "A worker refused a new plan; the last good one decides on."
      filter  = local.first_case.plan_refused
      above   = 0
      align   = "ALIGN_DELTA"
      lasts   = "0s"
    }
    sink_rows_refused = {
      urgency = "ticket"
      says    = "BigQuery does not take rows of ours; they are dead letters."
      filter  = local.first_case.sink_rows_refused
      above   = 0
      align   = "ALIGN_DELTA"
      lasts   = "0s"
    }
    sink_messages_refused = {
      urgency = "ticket"
      says    = "Records are too large to publish; they are dead letters."
      filter  = local.first_case.sink_messages_refused
      above   = 0
      align   = "ALIGN_DELTA"
      lasts   = "0s"
    }
    worker_errors = {
      urgency = "ticket"
      says    = "Workers log more than ${var.thresholds.worker_errors} errors in five minutes."
      filter  = "metric.type=\"logging.googleapis.com/log_entry_count\" AND resource.type=\"dataflow_step\" AND ${local.named} AND metric.label.\"severity\"=\"ERROR\""
      above   = var.thresholds.worker_errors
      align   = "ALIGN_DELTA"
      lasts   = "0s"
    }
    dead_letters_waiting = {
      urgency = "ticket"
      says    = "Dead letters wait for somebody to look at them."
      filter  = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.type=\"pubsub_subscription\" AND resource.label.\"subscription_id\"=\"dead-letter-review\""
      above   = var.thresholds.dead_letters_waiting
      align   = "ALIGN_MAX"
      lasts   = "600s"
    }
    undelivered_messages = {
      urgency = "ticket"
      says    = "A consumer of decisions has refused messages for good."
      filter  = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.type=\"pubsub_subscription\" AND resource.label.\"subscription_id\"=\"undelivered-review\""
      above   = 0
      align   = "ALIGN_MAX"
      lasts   = "300s"
    }
    at_the_ceiling = {
      urgency = "ticket"
      says    = "The job has used ${var.thresholds.vcpus} vCPUs, all that it may have, for half an hour: it costs most and keeps up no better."
      filter  = "metric.type=\"dataflow.googleapis.com/job/current_num_vcpus\" AND ${local.job}"
      above   = var.thresholds.vcpus - 1
      align   = "ALIGN_MAX"
      lasts   = "1800s"
    }
    quality_scan_failed = {
      urgency = "page"
      says    = "A data quality rule does not hold: something is told twice, a contact limit was exceeded, or the limits of a plan are not known."
      filter  = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.quality.name}\" AND resource.type=\"dataplex.googleapis.com/DataScan\" AND metric.label.\"passed\"=\"false\""
      above   = 0
      align   = "ALIGN_DELTA"
      lasts   = "0s"
    }
  }
}

resource "google_monitoring_alert_policy" "counted" {
  for_each = local.counted

  project               = var.project_id
  display_name          = "Nextbeam ${each.key}"
  combiner              = "OR"
  severity              = local.severities[each.value.urgency]
  notification_channels = local.channels[each.value.urgency]
  user_labels           = merge(var.labels, { alert = each.key, urgency = each.value.urgency })

  conditions {
    display_name = each.key
    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = each.value.duration
      evaluation_interval       = "60s"
      disable_metric_validation = true
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "Nextbeam: ${each.key}"
    content   = "${each.value.says}\n\nWhat to do: docs/operations.md, ${each.key}."
  }
}

resource "google_monitoring_alert_policy" "measured" {
  for_each = local.measured

  project               = var.project_id
  display_name          = "Nextbeam ${each.key}"
  combiner              = "OR"
  severity              = local.severities[each.value.urgency]
  notification_channels = local.channels[each.value.urgency]
  user_labels           = merge(var.labels, { alert = each.key, urgency = each.value.urgency })

  conditions {
    display_name = each.key
    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = each.value.lasts
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = each.value.align
        cross_series_reducer = each.value.align == "ALIGN_DELTA" ? "REDUCE_SUM" : "REDUCE_MAX"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "Nextbeam: ${each.key}"
    content   = "${each.value.says}\n\nWhat to do: docs/operations.md, ${each.key}."
  }
}
