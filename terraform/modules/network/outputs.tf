output "id" {
  description = "The network."
  value       = google_compute_network.this.id
}

output "subnetwork" {
  description = "The workers' subnetwork, as a job's options name it."
  value       = "regions/${var.region}/subnetworks/${google_compute_subnetwork.workers.name}"
}

output "worker_tag" {
  description = "Network tag that the firewall lets through between workers; Dataflow gives it to them."
  value       = local.workers
}

output "peered" {
  description = "The network, once build machines can be peered with it."
  value       = google_compute_network.this.id
  depends_on  = [google_service_networking_connection.builds]
}
