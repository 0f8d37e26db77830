# Pub/Sub itself moves what a consumer refused: it publishes to `undelivered` and acknowledges where it was.
resource "google_pubsub_topic_iam_member" "undelivered" {
  project = var.project_id
  topic   = google_pubsub_topic.this["undelivered"].name
  role    = "roles/pubsub.publisher"
  member  = var.pubsub_agent
}

# The scheduler publishes a heartbeat a minute.
resource "google_pubsub_topic_iam_member" "heartbeat" {
  project = var.project_id
  topic   = google_pubsub_topic.this["signals"].name
  role    = "roles/pubsub.publisher"
  member  = var.scheduler_agent
}

resource "google_pubsub_subscription_iam_member" "moved" {
  for_each = merge(google_pubsub_subscription.channels, { (local.archive) = google_pubsub_subscription.archive })

  project      = var.project_id
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent
}

locals {
  publishes = {
    publisher = ["signals", "outcomes"]
    replayer  = ["signals", "outcomes"]
    worker    = concat(["decisions", "feedback", "dead-letter", "heartbeats"], tolist(local.shadows))
    # It sends a heartbeat after an update, and waits for the answer.
    launcher = ["signals"]
  }
  reads = {
    worker   = keys(local.read_by_jobs)
    consumer = keys(local.read_by_channels)
    replayer = ["dead-letter-review", "undelivered-review"]
    # It seeks the subscriptions of a generation that nothing reads yet, which takes what reading takes.
    launcher = concat(["heartbeats-watch"], [
      for name in keys(local.read_by_jobs) : name
      if var.next_generation != null && contains([for topic in ["signals", "outcomes"] : join("-", compact(["${topic}-decisioning", var.next_generation]))], name)
    ])
  }
  # The roles to publish and to consume do not let one ask whether the topic or subscription is there; these do.
  publisher_grants = merge([
    for account, topics in local.publishes : merge([
      for topic in topics : {
        for role in ["publisher", "viewer"] :
        "${account}/${topic}/${role}" => { account = account, name = topic, role = "roles/pubsub.${role}" }
      }
    ]...)
  ]...)
  reader_grants = merge([
    for account, subscriptions in local.reads : merge([
      for subscription in subscriptions : {
        for role in ["subscriber", "viewer"] :
        "${account}/${subscription}/${role}" => { account = account, name = subscription, role = "roles/pubsub.${role}" }
      }
    ]...)
  ]...)

  subscriptions = merge(
    google_pubsub_subscription.job,
    google_pubsub_subscription.people,
    google_pubsub_subscription.channels,
  )
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = local.publisher_grants

  project = var.project_id
  topic   = google_pubsub_topic.this[each.value.name].name
  role    = each.value.role
  member  = var.members[each.value.account]
}

resource "google_pubsub_subscription_iam_member" "reader" {
  for_each = local.reader_grants

  project      = var.project_id
  subscription = local.subscriptions[each.value.name].name
  role         = each.value.role
  member       = var.members[each.value.account]
}
