output "tags" {
  description = "Policy tags, by kind of personal data; ready to be put on columns."
  value       = { for name, tag in google_data_catalog_policy_tag.this : name => tag.name }
  depends_on  = [google_bigquery_datapolicy_data_policy.mask]
}
