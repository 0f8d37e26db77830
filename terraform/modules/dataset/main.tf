locals {
  described = { for name, table in var.tables : name => jsondecode(file(table.columns)) }

  # Every column with its path, as deep as personal data lies.
  paths = {
    for name, columns in local.described : name => flatten([
      for a in columns : [
        a.name,
        [for b in lookup(a, "fields", []) : [
          "${a.name}.${b.name}",
          [for c in lookup(b, "fields", []) : "${a.name}.${b.name}.${c.name}"],
        ]],
      ]
    ])
  }
  unknown = { for name, columns in local.paths : name => setsubtract(keys(lookup(var.personal, name, {})), columns) }

  # The same columns, those of personal data with their policy tag. Each column is put together out of a list of parts,
  # as a conditional would want both of its sides to be of one type.
  columns = {
    for name, columns in local.described : name => [
      for a in columns : merge(concat(
        [{ for part, value in a : part => value if part != "fields" }],
        local.tags[name][a.name],
        [for fields in [lookup(a, "fields", [])] : { fields = [
          for b in fields : merge(concat(
            [{ for part, value in b : part => value if part != "fields" }],
            local.tags[name]["${a.name}.${b.name}"],
            [for fields in [lookup(b, "fields", [])] : { fields = [
              for c in fields : merge(concat([c], local.tags[name]["${a.name}.${b.name}.${c.name}"])...)
            ] } if length(fields) > 0],
          )...)
        ] } if length(fields) > 0],
      )...)
    ]
  }
  tags = {
    for name, columns in local.paths : name => {
      for path in columns : path => [
        for kind in compact([lookup(lookup(var.personal, name, {}), path, "")]) : { policyTags = { names = [var.policy_tags[kind]] } }
      ]
    }
  }
}

resource "google_bigquery_dataset" "this" {
  project                    = var.project_id
  dataset_id                 = var.dataset_id
  description                = var.description
  location                   = var.region
  max_time_travel_hours      = "168"
  storage_billing_model      = "LOGICAL"
  delete_contents_on_destroy = !var.protect
  deletion_policy            = var.protect ? "PREVENT" : "DELETE"
  labels                     = var.labels

  default_encryption_configuration {
    kms_key_name = var.kms_key
  }
}

resource "google_bigquery_table" "this" {
  #checkov:skip=CKV_GCP_121:true in production, which checkov does not reckon
  for_each = var.tables

  project                  = var.project_id
  dataset_id               = google_bigquery_dataset.this.dataset_id
  table_id                 = each.key
  description              = each.value.description
  schema                   = jsonencode(local.columns[each.key])
  clustering               = each.value.clustered_by
  require_partition_filter = each.value.partitioned && each.value.filter_required
  deletion_protection      = var.protect
  labels                   = var.labels

  dynamic "time_partitioning" {
    for_each = each.value.partitioned ? [each.value] : []
    content {
      type          = "DAY"
      field         = time_partitioning.value.partitioned_by
      expiration_ms = time_partitioning.value.kept_days * 24 * 60 * 60 * 1000
    }
  }

  encryption_configuration {
    kms_key_name = var.kms_key
  }

  lifecycle {
    precondition {
      condition     = length(local.unknown[each.key]) == 0
      error_message = "personal_columns.json names columns that ${each.key} does not have: ${join(", ", local.unknown[each.key])}."
    }
  }
}

# Rows of a brand for its own people only. As soon as one such policy is there, whoever is in none sees nothing.
locals {
  by_brand = merge([
    for name in [for table in keys(var.tables) : table if contains(local.paths[table], "brand") && length(var.brand_readers) > 0] : merge(
      { for brand, group in var.brand_readers : "${name}/${brand}" => {
        table     = name
        policy    = "brand_${replace(brand, "-", "_")}"
        predicate = "brand = '${brand}'"
        grantees  = [group]
      } },
      { "${name}/all" = { table = name, policy = "all_brands", predicate = "TRUE", grantees = var.all_brand_readers } },
    )
  ]...)
}

resource "google_bigquery_row_access_policy" "brand" {
  for_each = local.by_brand

  project          = var.project_id
  dataset_id       = google_bigquery_dataset.this.dataset_id
  table_id         = google_bigquery_table.this[each.value.table].table_id
  policy_id        = each.value.policy
  filter_predicate = each.value.predicate
  grantees         = each.value.grantees
}

locals {
  table_writers = merge([
    for name, table in var.tables : { for who, member in table.writers : "${name}/${who}" => { table = name, member = member } }
  ]...)
}

resource "google_bigquery_table_iam_member" "writer" {
  for_each = local.table_writers

  project    = var.project_id
  dataset_id = google_bigquery_dataset.this.dataset_id
  table_id   = google_bigquery_table.this[each.value.table].table_id
  role       = var.row_writer
  member     = each.value.member
}

resource "google_bigquery_dataset_iam_member" "reader" {
  for_each = var.readers

  project    = var.project_id
  dataset_id = google_bigquery_dataset.this.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.value
}

# A customer who asks to be forgotten: docs/operations.md. What was changed instead of deleted, seals tell.
resource "google_bigquery_dataset_iam_member" "eraser" {
  for_each = var.erasers

  project    = var.project_id
  dataset_id = google_bigquery_dataset.this.dataset_id
  role       = var.row_eraser
  member     = each.value
}
