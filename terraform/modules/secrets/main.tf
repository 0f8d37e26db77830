# The secret is here, its value is not: an operator adds versions, so that no state or plan ever holds one.
resource "google_secret_manager_secret" "this" {
  for_each = var.secrets

  project             = var.project_id
  secret_id           = "${var.name}-${each.key}"
  version_destroy_ttl = "${30 * 24 * 60 * 60}s"
  deletion_protection = var.protect
  labels              = var.labels
  annotations         = { purpose = each.value.purpose }

  replication {
    user_managed {
      replicas {
        location = var.region
        customer_managed_encryption {
          kms_key_name = var.kms_key
        }
      }
    }
  }
}

locals {
  grants = merge([
    for name, secret in var.secrets : { for who, member in secret.readers : "${name}/${who}" => { secret = name, member = member } }
  ]...)
  additions = merge([
    for name, secret in var.secrets : { for member in secret.adders : "${name}/${member}" => { secret = name, member = member } }
  ]...)
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.grants

  project   = var.project_id
  secret_id = google_secret_manager_secret.this[each.value.secret].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value.member
}

resource "google_secret_manager_secret_iam_member" "adder" {
  for_each = local.additions

  project   = var.project_id
  secret_id = google_secret_manager_secret.this[each.value.secret].secret_id
  role      = "roles/secretmanager.secretVersionAdder"
  member    = each.value.member
}
