output "topics" {
  description = "Full names of the topics, by name."
  value       = { for name, topic in google_pubsub_topic.this : name => topic.id }
}

output "subscriptions" {
  description = "Full names of the subscriptions, by name."
  value = merge(
    { for name, subscription in local.subscriptions : name => subscription.id },
    { (local.archive) = google_pubsub_subscription.archive.id },
  )
}
