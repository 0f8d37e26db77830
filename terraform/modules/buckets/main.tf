locals {
  day_s = 24 * 60 * 60

  buckets = {
    # What a job stages and sorts; nothing in it is worth keeping.
    dataflow = { versioned = false, delete_after_days = 14, keep_versions = null }
    # What is decided by: signed plans and their models. Old versions stay as long as the decisions do.
    plans = { versioned = true, delete_after_days = null, keep_versions = 100 }
    # What was deployed: container specs, bills of materials, fingerprints.
    releases = { versioned = true, delete_after_days = null, keep_versions = 100 }
  }
}

# Who read and wrote the others. It keeps no log of itself: that would never end.
resource "google_storage_bucket" "access_logs" {
  #checkov:skip=CKV_GCP_62:a log of who wrote the log would never end
  project                     = var.project_id
  name                        = "${var.prefix}-access-logs"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.protect
  deletion_policy             = var.protect ? "PREVENT" : "DELETE"
  labels                      = var.labels

  encryption {
    default_kms_key_name = var.kms_key
  }
  versioning {
    enabled = true
  }
  soft_delete_policy {
    retention_duration_seconds = 7 * local.day_s
  }
  retention_policy {
    retention_period = var.log_days * local.day_s
    is_locked        = false
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = var.log_days + 1
    }
  }
}

resource "google_storage_bucket" "this" {
  #checkov:skip=CKV_GCP_78:plans and releases have versions; what a job stages lives for days and has soft deletion
  for_each = local.buckets

  project                     = var.project_id
  name                        = "${var.prefix}-${each.key}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.protect
  deletion_policy             = var.protect ? "PREVENT" : "DELETE"
  labels                      = var.labels

  encryption {
    default_kms_key_name = var.kms_key
  }
  versioning {
    enabled = each.value.versioned
  }
  soft_delete_policy {
    retention_duration_seconds = (each.value.versioned ? 30 : 7) * local.day_s
  }
  logging {
    log_bucket        = google_storage_bucket.access_logs.name
    log_object_prefix = each.key
  }
  dynamic "lifecycle_rule" {
    for_each = each.value.delete_after_days == null ? [] : [each.value.delete_after_days]
    content {
      action {
        type = "Delete"
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }
  dynamic "lifecycle_rule" {
    for_each = each.value.keep_versions == null ? [] : [each.value.keep_versions]
    content {
      action {
        type = "Delete"
      }
      condition {
        num_newer_versions         = lifecycle_rule.value
        days_since_noncurrent_time = var.artefact_days
      }
    }
  }

  depends_on = [google_storage_bucket_iam_member.access_logs]
}

resource "google_storage_bucket_iam_member" "access_logs" {
  bucket = google_storage_bucket.access_logs.name
  role   = "roles/storage.objectCreator"
  member = "group:cloud-storage-analytics@google.com"
}

resource "google_storage_bucket_iam_member" "this" {
  for_each = var.grants

  bucket = google_storage_bucket.this[each.value.bucket].name
  role   = each.value.role
  member = each.value.member

  dynamic "condition" {
    for_each = each.value.under == null ? [] : [each.value.under]
    content {
      title       = "under-${replace(trimsuffix(condition.value, "/"), "/", "-")}"
      description = "Only what lies under ${condition.value}"
      expression  = "resource.name.startsWith(\"projects/_/buckets/${google_storage_bucket.this[each.value.bucket].name}/objects/${condition.value}\")"
    }
  }
}
