# What analysts ask: the tables' rows under the tables' names, and the views of pipelines/sql/views over them. Analysts
# read this dataset only; it reads the tables for them, and policy tags decide what they see of personal columns.
locals {
  here = "${var.project_id}.${var.dataset_id}"

  # Views ask for all days, tables for a filter on days: no day is older than the tables keep, so that this one is true.
  windows = {
    for name, table in var.tables : name =>
    table.partitioned_by == null ? "" : "\nWHERE ${table.partitioned_by} >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${table.kept_days + 1} DAY)"
  }

  texts = { for file in fileset(var.views, "*.sql") : trimsuffix(file, ".sql") => file("${var.views}/${file}") }
  titles = {
    for name, text in local.texts : name => trimprefix(split("\n", text)[0], "-- ${name}: ")
  }
  queries = {
    for name, text in local.texts : name => trimspace(join("\n", [
      for line in split("\n", templatefile("${var.views}/${name}.sql", { dataset = local.here })) : line if !startswith(line, "--")
    ]))
  }

  # A view is made after those it reads: BigQuery checks it then. They are three deep.
  needs = {
    for name, text in local.texts : name => setsubtract(
      toset(flatten(regexall("`\\$\\{dataset\\}\\.(\\w+)`", text))), keys(var.tables)
    )
  }
  first  = toset([for name, needs in local.needs : name if length(needs) == 0])
  second = toset([for name, needs in local.needs : name if length(needs) > 0 && length(setsubtract(needs, local.first)) == 0])
  third = toset([
    for name, needs in local.needs : name
    if !contains(setunion(local.first, local.second), name) && length(setsubtract(needs, setunion(local.first, local.second))) == 0
  ])
  unplaced = setsubtract(keys(local.texts), setunion(local.first, local.second, local.third))
}

resource "google_bigquery_dataset" "this" {
  project                    = var.project_id
  dataset_id                 = var.dataset_id
  description                = "What analysts ask: views over decisions, feedback, sessions and dead letters."
  location                   = var.region
  delete_contents_on_destroy = !var.protect
  deletion_policy            = var.protect ? "PREVENT" : "DELETE"
  labels                     = var.labels

  default_encryption_configuration {
    kms_key_name = var.kms_key
  }

  lifecycle {
    precondition {
      condition     = length(local.unplaced) == 0
      error_message = "Views lie deeper than the three layers of modules/analytics, or read what is not there: ${join(", ", local.unplaced)}."
    }
  }
}

# The views here may read the tables there, whoever asks.
resource "google_bigquery_dataset_access" "views" {
  project    = var.project_id
  dataset_id = var.source_dataset_id

  dataset {
    dataset {
      project_id = var.project_id
      dataset_id = google_bigquery_dataset.this.dataset_id
    }
    target_types = ["VIEWS"]
  }
}

resource "google_bigquery_table" "rows" {
  for_each = var.tables

  project             = var.project_id
  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = each.key
  description         = "All rows of ${each.key} that are kept."
  deletion_protection = var.protect
  labels              = var.labels

  view {
    query          = "SELECT *\nFROM `${each.value.name}`${local.windows[each.key]}"
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_dataset_access.views]
}

resource "google_bigquery_table" "first" {
  for_each = local.first

  project             = var.project_id
  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = each.value
  description         = local.titles[each.value]
  deletion_protection = var.protect
  labels              = var.labels

  view {
    query          = local.queries[each.value]
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.rows]
}

resource "google_bigquery_table" "second" {
  for_each = local.second

  project             = var.project_id
  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = each.value
  description         = local.titles[each.value]
  deletion_protection = var.protect
  labels              = var.labels

  view {
    query          = local.queries[each.value]
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.first]
}

resource "google_bigquery_table" "third" {
  for_each = local.third

  project             = var.project_id
  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = each.value
  description         = local.titles[each.value]
  deletion_protection = var.protect
  labels              = var.labels

  view {
    query          = local.queries[each.value]
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.second]
}

resource "google_bigquery_dataset_iam_member" "reader" {
  for_each = var.readers

  project    = var.project_id
  dataset_id = google_bigquery_dataset.this.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.value
}
