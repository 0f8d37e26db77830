locals {
  # What people see who may query, but may not see whose rows they are. Hashes of one value are alike: joins still work.
  masks = {
    identifier = { expression = "SHA256", meaning = "Keys of a customer, a household, or a visit of theirs." }
    profile    = { expression = "ALWAYS_NULL", meaning = "What is known about a customer, or was worked out of it." }
    payload    = { expression = "ALWAYS_NULL", meaning = "What came in, as it was: anything may be in it." }
  }
}

resource "google_data_catalog_taxonomy" "this" {
  project                = var.project_id
  region                 = var.region
  display_name           = "${var.name} personal data"
  description            = "Columns of decisions, feedback, sessions and dead letters that tell about a person."
  activated_policy_types = ["FINE_GRAINED_ACCESS_CONTROL"]
}

resource "google_data_catalog_policy_tag" "this" {
  for_each = local.masks

  taxonomy     = google_data_catalog_taxonomy.this.id
  display_name = each.key
  description  = each.value.meaning
}

resource "google_bigquery_datapolicy_data_policy" "mask" {
  for_each = local.masks

  project          = var.project_id
  location         = var.region
  data_policy_id   = "${replace(var.name, "-", "_")}_${each.key}"
  policy_tag       = google_data_catalog_policy_tag.this[each.key].name
  data_policy_type = "DATA_MASKING_POLICY"

  data_masking_policy {
    predefined_expression = each.value.expression
  }
}

locals {
  masked = merge([
    for tag in keys(local.masks) : { for name, reader in var.masked_readers : "${tag}/${name}" => { tag = tag, member = reader } }
  ]...)
  clear = merge([
    for tag in keys(local.masks) : { for name, reader in var.clear_readers : "${tag}/${name}" => { tag = tag, member = reader } }
  ]...)
}

resource "google_bigquery_datapolicy_data_policy_iam_member" "masked" {
  for_each = local.masked

  project        = var.project_id
  location       = var.region
  data_policy_id = google_bigquery_datapolicy_data_policy.mask[each.value.tag].data_policy_id
  role           = "roles/bigquerydatapolicy.maskedReader"
  member         = each.value.member
}

resource "google_data_catalog_policy_tag_iam_member" "clear" {
  for_each = local.clear

  policy_tag = google_data_catalog_policy_tag.this[each.value.tag].name
  role       = "roles/datacatalog.categoryFineGrainedReader"
  member     = each.value.member
}
