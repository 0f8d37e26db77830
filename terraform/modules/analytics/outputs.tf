output "dataset_id" {
  description = "Name of the dataset."
  value       = google_bigquery_dataset.this.dataset_id
}

output "views" {
  description = "Names of the views over the tables."
  value       = setunion(local.first, local.second, local.third)
}
