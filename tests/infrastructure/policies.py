"""All policies by name: each gives a complaint for everything in a deployment that breaks it."""

from collections.abc import Callable, Iterator

import policies_access as access
import policies_data as data
import policies_names as names
import policies_settings as settings
import policies_watch as watch
from terraform_expected import as_committed
from terraform_state import Deployment

Policy = Callable[[Deployment], Iterator[str]]

_ALL: tuple[Policy, ...] = (
    data.encrypted_by_our_keys,
    data.keys_rotate,
    data.protected_from_deletion,
    data.in_one_region,
    data.labelled,
    data.kept_so_long,
    data.tables_cut_by_day,
    access.without_public_addresses,
    access.routes_stay_at_google,
    access.nobody_comes_in,
    access.roles_are_narrow,
    access.own_roles_are_narrow,
    access.only_services_use_keys,
    access.grants_only_add,
    access.accounts_without_keys,
    access.no_default_account,
    access.images_by_digest,
    access.names_lead_to_google,
    names.topics_of_the_pipeline,
    names.subscriptions_of_the_pipeline,
    names.tables_of_the_pipeline,
    names.personal_columns_are_tagged,
    names.alerts_of_the_table,
    settings.kept_as_said,
    settings.state_is_under_our_key,
    settings.reads_are_audited,
    settings.what_is_denied_to_all,
    settings.masks_tell_nothing,
    settings.workers_talk_on_their_ports,
    settings.plans_are_signed_so,
    settings.nobody_oversteps,
    as_committed,
    watch.promises_are_watched,
    watch.alerts_reach_somebody,
    watch.alerts_do_not_wait_for_ever,
    watch.goals_are_those_promised,
    watch.jobs_of_production_are_watched,
    watch.money_has_a_limit,
    watch.refused_messages_go_somewhere,
)
POLICIES = {policy.__name__: policy for policy in _ALL}
