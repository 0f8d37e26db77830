output "names" {
  description = "Names of the buckets, by purpose."
  value       = { for purpose, bucket in google_storage_bucket.this : purpose => bucket.name }
}

output "urls" {
  description = "The buckets as gs:// addresses, by purpose."
  value       = { for purpose, bucket in google_storage_bucket.this : purpose => bucket.url }
}
