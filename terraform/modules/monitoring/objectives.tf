# Objectives and burn rates are those of models/observability/objectives.py; a test compares them.
#
# The job's own counters are GAUGE to Cloud Monitoring, and a request-based SLO takes DELTA or CUMULATIVE only. So what
# is promised of them is watched in PromQL, by how far counters have moved; `delta` is the function for gauges, and a
# job that takes the place of another begins a series of its own.
locals {
  signals_and_outcomes = ["signals_read", "outcomes_read"]
  refused              = ["signals_rejected", "outcomes_rejected", "events_dead_lettered"]

  promised = {
    decision_latency = {
      says  = "a decision leaves at most 1 s after its signal was published"
      goal  = var.goals.decision_latency
      good  = ["decision_latency_le_1000ms"]
      total = ["decision_latency_total"]
    }
    decision_compute = {
      says  = "the fold takes at most 50 ms over an event that asks for a decision"
      goal  = var.goals.decision_compute
      good  = ["decision_compute_le_50ms"]
      total = ["decision_compute_total"]
    }
    dead_letters = {
      says  = "what comes in becomes no dead letter"
      goal  = var.goals.dead_letters
      bad   = local.refused
      total = local.signals_and_outcomes
    }
  }

  burns = {
    fast_burn = { rate = 14.4, long = "1h", short = "5m", urgency = "page" }
    slow_burn = { rate = 6, long = "6h", short = "30m", urgency = "ticket" }
  }

  counter = "\"dataflow.googleapis.com/job/user_counter\", monitored_resource=\"dataflow_job\", job_name=\"${var.jobs.deciding}\""
  windows = toset(flatten([for burn in local.burns : [burn.long, burn.short]]))

  # How much the counters of an objective have grown over a window, as PromQL.
  grown = {
    for window in setunion(local.windows, ["28d"]) : window => {
      for name in toset(flatten([for promise in local.promised : concat(lookup(promise, "good", []), lookup(promise, "bad", []), promise.total)])) :
      name => "(sum(delta({${local.counter}, metric_name=\"${name}\"}[${window}])) or vector(0))"
    }
  }
  spent = {
    for name, promise in local.promised : name => {
      for window, grown in local.grown : window => can(promise.bad)
      ? "(${join(" + ", [for metric in promise.bad : grown[metric]])}) / (${join(" + ", [for metric in promise.total : grown[metric]])})"
      : "1 - (${join(" + ", [for metric in promise.good : grown[metric]])}) / (${join(" + ", [for metric in promise.total : grown[metric]])})"
    }
  }

  counter_burns = merge([
    for name, promise in local.promised : {
      for speed, burn in local.burns : "${name}_${speed}" => {
        says    = "The budget of ${name} (${promise.says}, in ${format("%.6g", promise.goal * 100)} % of cases over 28 days) is spent ${burn.rate} times too fast."
        urgency = burn.urgency
        query   = join(" and ", [for window in [burn.long, burn.short] : "(${local.spent[name][window]} > ${format("%.6g", burn.rate * (1 - promise.goal))})"])
      }
    }
  ]...)

  slo_burns = merge([
    for name, slo in {
      freshness         = google_monitoring_slo.freshness
      heartbeat_latency = google_monitoring_slo.heartbeat_latency
      accounted_for     = google_monitoring_slo.accounted_for
      } : {
      for speed, burn in local.burns : "${name}_${speed}" => {
        says    = "The budget of ${name} (${slo.display_name}) is spent ${burn.rate} times too fast."
        urgency = burn.urgency
        rate    = burn.rate
        long    = burn.long
        short   = burn.short
        slo     = slo.id
      }
    }
  ]...)
}

resource "google_monitoring_custom_service" "this" {
  project      = var.project_id
  service_id   = var.name
  display_name = "Nextbeam decisioning"
  user_labels  = var.labels
}

resource "google_monitoring_slo" "freshness" {
  project             = var.project_id
  service             = google_monitoring_custom_service.this.service_id
  slo_id              = "freshness"
  display_name        = "the oldest message that waits for the job is younger than ${var.fresh_s} s"
  goal                = var.goals.freshness
  rolling_period_days = 28
  user_labels         = var.labels

  windows_based_sli {
    window_period = "300s"
    metric_mean_in_range {
      time_series = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND resource.type=\"pubsub_subscription\" AND resource.label.\"subscription_id\"=one_of(${join(", ", [for name in var.job_subscriptions : "\"${name}\""])})"
      range {
        min = 0
        max = var.fresh_s
      }
    }
  }
}

# The same promise as decision_latency, kept to one probe a minute that goes all the way.
resource "google_monitoring_slo" "heartbeat_latency" {
  project             = var.project_id
  service             = google_monitoring_custom_service.this.service_id
  slo_id              = "heartbeat-latency"
  display_name        = "a heartbeat is answered at most 1 s after it was published"
  goal                = var.goals.decision_latency
  rolling_period_days = 28
  user_labels         = var.labels

  request_based_sli {
    distribution_cut {
      distribution_filter = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.heartbeat_age.name}\" AND resource.type=\"dataflow_step\""
      range {
        min = 0
        max = 1000
      }
    }
  }
}

# The data quality scan asks the tables every hour whether they tell one story of each event and every limit was kept. What came in, only counters know.
resource "google_monitoring_slo" "accounted_for" {
  project             = var.project_id
  service             = google_monitoring_custom_service.this.service_id
  slo_id              = "accounted-for"
  display_name        = "the tables tell one story of each event and no contact limit is exceeded"
  goal                = var.goals.accounted_for
  rolling_period_days = 28
  user_labels         = var.labels

  request_based_sli {
    good_total_ratio {
      good_service_filter  = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.quality.name}\" AND resource.type=\"dataplex.googleapis.com/DataScan\" AND metric.label.\"passed\"=\"true\""
      total_service_filter = "metric.type=\"logging.googleapis.com/user/${google_logging_metric.quality.name}\" AND resource.type=\"dataplex.googleapis.com/DataScan\""
    }
  }
}

resource "google_monitoring_alert_policy" "counter_burn" {
  for_each = local.counter_burns

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
      duration                  = "0s"
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

resource "google_monitoring_alert_policy" "slo_burn" {
  for_each = local.slo_burns

  project               = var.project_id
  display_name          = "Nextbeam ${each.key}"
  combiner              = "AND"
  severity              = local.severities[each.value.urgency]
  notification_channels = local.channels[each.value.urgency]
  user_labels           = merge(var.labels, { alert = each.key, urgency = each.value.urgency })

  dynamic "conditions" {
    for_each = [each.value.long, each.value.short]
    content {
      display_name = "${each.key}, over ${conditions.value}"
      condition_threshold {
        filter          = "select_slo_burn_rate(\"${each.value.slo}\", \"${conditions.value}\")"
        comparison      = "COMPARISON_GT"
        threshold_value = each.value.rate
        duration        = "0s"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "Nextbeam: ${each.key}"
    content   = "${each.value.says}\n\nWhat to do: docs/operations.md, ${each.key}."
  }
}
