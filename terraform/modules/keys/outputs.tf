output "ids" {
  description = "Full names of the keys, by service; ready to encrypt."
  value       = { for name, key in google_kms_crypto_key.data : name => key.id }
  depends_on  = [google_kms_crypto_key_iam_member.agent]
}

output "signing_key" {
  description = "Full name of the key that signs plans and models."
  value       = google_kms_crypto_key.signing.id
}
