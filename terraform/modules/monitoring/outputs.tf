output "dashboard" {
  description = "The dashboard."
  value       = google_monitoring_dashboard.this.id
}

output "slos" {
  description = "Full names of the objectives that Cloud Monitoring keeps, by name."
  value = {
    freshness         = google_monitoring_slo.freshness.id
    heartbeat_latency = google_monitoring_slo.heartbeat_latency.id
    accounted_for     = google_monitoring_slo.accounted_for.id
  }
}

output "channels" {
  description = "Notification channels that tell people by mail."
  value       = local.channels.ticket
}
