# The names are those of pipelines/provisioning/resources.py; a test compares them.
locals {
  contracts = {
    signals     = "signal"
    outcomes    = "outcome"
    decisions   = "decision"
    feedback    = "feedback"
    dead-letter = "dead_letter"
    heartbeats  = "heartbeat"
  }

  # What came in can be played again, whoever has read it. What the job publishes is in tables, too, and kept for a day.
  replayable = toset(["signals", "outcomes"])
  # Where a candidate release writes, so that nobody acts on it.
  shadows = toset(["decisions-shadow", "feedback-shadow", "dead-letter-shadow"])
  topics  = setunion(keys(local.contracts), ["undelivered"], local.shadows)

  # Dataflow acknowledges by itself: what it cannot process is a dead letter of its own making, and neither ordering nor
  # exactly-once delivery of Pub/Sub is for its readers.
  read_by_jobs = merge(
    { for generation in var.generations : join("-", compact(["signals-decisioning", generation])) => { topic = "signals", retention_s = local.week_s } },
    { for generation in var.generations : join("-", compact(["outcomes-decisioning", generation])) => { topic = "outcomes", retention_s = local.week_s } },
    {
      # A candidate starts with what is recent; between candidates nothing piles up.
      signals-shadow  = { topic = "signals", retention_s = local.day_s }
      outcomes-shadow = { topic = "outcomes", retention_s = local.day_s }
    },
  )
  # Who looks gives back what was looked at: to count that as a failed delivery would take letters away.
  read_by_people = {
    dead-letter-review = { topic = "dead-letter", ack_deadline_s = 600, retention_s = local.week_s }
    undelivered-review = { topic = "undelivered", ack_deadline_s = 600, retention_s = local.week_s }
    # An answer that nobody waits for says nothing any more.
    heartbeats-watch = { topic = "heartbeats", ack_deadline_s = 10, retention_s = 3600 }
  }
  read_by_channels = {
    decisions-channels = { topic = "decisions", ack_deadline_s = 30, attempts = 5 }
  }
  archive = "dead-letter-archive"

  day_s       = 24 * 60 * 60
  week_s      = 7 * 24 * 60 * 60
  retention_s = var.retention_days * 24 * 60 * 60
}

# Registered for whoever asks, and to see what changes; topics do not enforce them, see README.md.
resource "google_pubsub_schema" "contract" {
  for_each = toset(values(local.contracts))

  project    = var.project_id
  name       = each.value
  type       = "PROTOCOL_BUFFER"
  definition = file("${var.contracts}/${each.value}.proto")
}

resource "google_pubsub_topic" "this" {
  for_each = local.topics

  project                    = var.project_id
  name                       = each.value
  kms_key_name               = var.kms_key
  message_retention_duration = "${contains(local.replayable, each.value) ? local.retention_s : local.day_s}s"
  deletion_policy            = var.deletion_policy
  labels                     = var.labels

  message_storage_policy {
    allowed_persistence_regions = [var.region]
    enforce_in_transit          = true
  }
}

resource "google_pubsub_subscription" "job" {
  for_each = local.read_by_jobs

  project                      = var.project_id
  name                         = each.key
  topic                        = google_pubsub_topic.this[each.value.topic].id
  ack_deadline_seconds         = 60
  message_retention_duration   = "${each.value.retention_s}s"
  enable_message_ordering      = false
  enable_exactly_once_delivery = false
  labels                       = var.labels

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription" "people" {
  for_each = local.read_by_people

  project                    = var.project_id
  name                       = each.key
  topic                      = google_pubsub_topic.this[each.value.topic].id
  ack_deadline_seconds       = each.value.ack_deadline_s
  message_retention_duration = "${each.value.retention_s}s"
  labels                     = var.labels

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription" "channels" {
  for_each = local.read_by_channels

  project                    = var.project_id
  name                       = each.key
  topic                      = google_pubsub_topic.this[each.value.topic].id
  ack_deadline_seconds       = each.value.ack_deadline_s
  message_retention_duration = "${local.week_s}s"
  labels                     = var.labels

  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "60s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.this["undelivered"].id
    max_delivery_attempts = each.value.attempts
  }

  depends_on = [google_pubsub_topic_iam_member.undelivered]
}

# Dead letters as they were published, in a table, even when the job could not write its own.
resource "google_pubsub_subscription" "archive" {
  project                    = var.project_id
  name                       = local.archive
  topic                      = google_pubsub_topic.this["dead-letter"].id
  ack_deadline_seconds       = 60
  message_retention_duration = "${local.week_s}s"
  labels                     = var.labels

  bigquery_config {
    table            = var.archive_table
    use_table_schema = false
    use_topic_schema = false
    write_metadata   = true
  }
  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.this["undelivered"].id
    max_delivery_attempts = 20
  }

  depends_on = [google_pubsub_topic_iam_member.undelivered]
}
