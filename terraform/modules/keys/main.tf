resource "google_kms_key_ring" "this" {
  project  = var.project_id
  name     = var.name
  location = var.region
}

# Who loses a key loses what it encrypts: in production no apply deletes one.
resource "google_kms_crypto_key" "data" {
  #checkov:skip=CKV_GCP_82:deletion_policy is PREVENT in production; prevent_destroy could not tell dev from prod
  #checkov:skip=CKV_GCP_43:rotation_days is 90 at most, which checkov does not reckon
  for_each = var.users

  name                       = each.key
  key_ring                   = google_kms_key_ring.this.id
  purpose                    = "ENCRYPT_DECRYPT"
  rotation_period            = "${var.rotation_days * 24 * 60 * 60}s"
  destroy_scheduled_duration = "${30 * 24 * 60 * 60}s"
  deletion_policy            = var.deletion_policy
  labels                     = var.labels

  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = "HSM"
  }
}

# Signs plans and models; a worker verifies with the public half. Asymmetric keys are not rotated by the service.
resource "google_kms_crypto_key" "signing" {
  #checkov:skip=CKV_GCP_82:deletion_policy is PREVENT in production; prevent_destroy could not tell dev from prod
  name                       = "signing"
  key_ring                   = google_kms_key_ring.this.id
  purpose                    = "ASYMMETRIC_SIGN"
  destroy_scheduled_duration = "${30 * 24 * 60 * 60}s"
  deletion_policy            = var.deletion_policy
  labels                     = var.labels

  version_template {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = "HSM"
  }
}

locals {
  grants = merge([
    for key, agents in var.users : { for agent in agents : "${key}/${agent}" => { key = key, agent = agent } }
  ]...)
}

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each = local.grants

  crypto_key_id = google_kms_crypto_key.data[each.value.key].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = var.agents[each.value.agent]
}

resource "google_kms_crypto_key_iam_member" "signer" {
  for_each = var.signers

  crypto_key_id = google_kms_crypto_key.signing.id
  role          = "roles/cloudkms.signer"
  member        = each.value
}

resource "google_kms_crypto_key_iam_member" "verifier" {
  for_each = var.signers

  crypto_key_id = google_kms_crypto_key.signing.id
  role          = "roles/cloudkms.publicKeyViewer"
  member        = each.value
}

data "google_kms_crypto_key_version" "signing" {
  crypto_key = google_kms_crypto_key.signing.id
}
