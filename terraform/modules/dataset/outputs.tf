output "dataset_id" {
  description = "Name of the dataset."
  value       = google_bigquery_dataset.this.dataset_id
}

output "tables" {
  description = "Tables as PROJECT.DATASET.TABLE, by name; ready to be written."
  value       = { for name, table in google_bigquery_table.this : name => "${table.project}.${table.dataset_id}.${table.table_id}" }
  depends_on  = [google_bigquery_table_iam_member.writer]
}

output "resources" {
  description = "Full names of the tables, as other services have them, by name."
  value       = { for name, table in google_bigquery_table.this : name => "//bigquery.googleapis.com/${table.id}" }
}

output "row_policies" {
  description = "Names of the policies on rows."
  value       = keys(google_bigquery_row_access_policy.brand)
}
