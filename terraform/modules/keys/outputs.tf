output "ids" {
  description = "Full names of the keys, by service; ready to encrypt."
  value       = { for name, key in google_kms_crypto_key.data : name => key.id }
  depends_on  = [google_kms_crypto_key_iam_member.agent]
}

output "signing_key" {
  description = "Full name of the key that signs plans and models."
  value       = google_kms_crypto_key.signing.id
}

output "signing_public_key" {
  description = "Its public half in base64, on one line: what `--plan_keys` takes."
  value = join("", [
    for line in split("\n", try(data.google_kms_crypto_key_version.signing.public_key[0].pem, "")) : trimspace(line) if !startswith(line, "-----")
  ])
}
