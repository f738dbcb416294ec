"""Where other gateways were broken into, or broke, and where it is shown that this one does not.

`ROWS` has what happened, by the number it is known by where it has one; `SHOWN` a test for each.
"""

from __future__ import annotations

from tests.pitfalls import shown_by

ROWS = {
    # ways in that were used or published
    "CVE-2026-42208": "SQL in the key, before anybody was known",
    "CVE-2026-42271": "commands, in the settings of a server of tools",
    "CVE-2026-42203": "templates in a prompt were filled in",
    "CVE-2026-35030": "a login's token was not looked at",
    "CVE-2026-35029": "whoever could write the configuration became more",
    "CVE-2026-40217": "code of a user's, in a sandbox that was none",
    "CVE-2026-49468": "the Host header changed the path that was decided on",
    "CVE-2024-6587": "a client named the server, and got the key",
    "CVE-2026-33634": "a package that ran at every interpreter's start",
    "GHSA-69x8-hrgq-fjj8": "the hash of a password was as good as it",
    "PYSEC-2026-4074": "a check that one spelling of a path went around",
    "sessions": "sessions that outlived their key or role (CVE-2026-12772, -12795, -12796)",
    # the rest of the ways in
    "smuggling": "two lengths, or a head within a body", "deep": "JSON of any depth and size",
    "timing": "how long a comparison takes tells a secret", "fixation": "a session that was there before the login",
    "roles": "a viewer could write", "secrets": "keys in logs, addresses, errors, bodies", "master": "one key for everything",
    "formulas": "a cell that a spreadsheet runs", "race": "bounds that requests at once went around",
    # what users suffer
    "memory": "it grew until it was killed", "objects": "something of each request stayed",
    "hot path": "the database on each request; all keys 401 while it was full", "deadlocks": "writing spend",
    "lost spend": "minutes of it, when a process ended", "migrations": "that raced, timed out or needed a hand",
    "rollback": "needed SQL by hand", "redis hangs": "every request with it", "redis errors": "one for each request",
    "slots": "scripts that touched two of a cluster's", "local limits": "each for itself, and nobody said so",
    "slow limits": "a round trip for each", "overspent": "budgets were passed", "refused": "with money left",
    "left": "a client left: its spend was nothing, or the provider went on", "cold start": "seconds of imports",
    "cooled": "all, or the only one, or for a client's fault", "doors": "what was passed through, no budget was asked about",
    "many rows": "pages and limits grew slow with them", "two truths": "file and database",
    "over budget": "who was could not look any more", "alerts": "again and again", "no database": "budgets without one, unsaid",
    "unpriced": "what has no price cost nothing", "siblings": "spans beside each other", "copies": "another's ids in pickers",
    "clock": "periods by a job, and by no zone", "billed twice": "by a client's own request id",
    "rotation": "a key changed for one that nobody was told",
    "audit": "changes that were in no log, and a log that could be deleted",
    "disk full": "and nobody knew", "gates": "features that have to be paid for",
}  # fmt: skip

# fmt: off
SHOWN = {
    "tests/governance/api/test_secure.py": {
        "test_a_key_is_looked_up_and_never_read_as_sql": "CVE-2026-42208",
        "test_neither_host_nor_path_nor_heads_lead_around_who_asks": "CVE-2026-49468 PYSEC-2026-4074 smuggling",
        "test_every_route_and_every_role": "CVE-2026-35029 roles",
        "test_deep_huge_and_unclean_bodies_are_refused": "deep",
    },
    "tests/governance/test_ways_in.py": {
        "test_the_management_takes_no_command_no_code_no_template_and_no_address": "CVE-2026-42271",
        "test_no_client_names_the_server_that_is_asked": "CVE-2024-6587 CVE-2026-42203",
        "test_nothing_is_run_that_came_as_text": "CVE-2026-40217",
        "test_the_hash_that_is_kept_opens_nothing": "GHSA-69x8-hrgq-fjj8",
        "test_a_spent_budget_stands_behind_every_door": "doors",
        "test_who_is_over_budget_sees_what_is_theirs": "over_budget",
        "test_a_cell_of_an_export_is_no_formula": "formulas",
    },
    "tests/governance/login/test_provider.py": {
        "test_a_token_that_nobody_signed_or_anybody_could_have": "CVE-2026-35030",
    },
    "tests/governance/login/test_logins.py": {"test_a_session_by_a_key_ends_with_the_key": "sessions"},
    "tests/governance/login/test_routes.py": {"test_a_session_that_was_there_before_is_nobody_s": "fixation"},
    "tests/test_package.py": {"test_what_is_in_the_wheel": "CVE-2026-33634", "test_the_wheel_works_where_nothing_else_is": "gates"},
    "tests/governance/test_keys.py": {"test_a_hash_is_64_digits_whatever_somebody_sends": "timing"},
    "tests/governance/test_canary.py": {"test_no_secret_is_in_anything_that_comes_out": "secrets"},
    "tests/governance/api/test_managing.py": {
        "test_the_bootstrap_token_makes_the_first_key_and_nothing_else": "master",
        "test_of_keys_made_at_once_none_is_too_many": "race",
        "test_what_is_wrong_is_named_and_not_quoted": "rotation",
        "test_the_log_tells_who_did_what_and_of_what_was_refused": "audit",
        "test_teams_users_and_organizations": "copies",
    },
    "tests/gateway/test_crowds.py": {"test_memory_does_not_grow_with_how_many_have_been_served": "memory"},
    "tests/gateway/test_faults.py": {"test_many_streams_of_which_half_are_left_leave_nothing_open": "objects"},
    "tests/governance/test_snapshot.py": {
        "test_keys_are_good_while_the_store_is_away_and_caught_up_with_when_it_is_back": "hot_path",
    },
    "tests/governance/store/test_money.py": {"test_several_gateways_share_a_budget_to_the_last_cent": "deadlocks refused"},
    "tests/governance/test_spool.py": {"test_a_killed_process_loses_nothing_it_had_appended": "lost_spend"},
    "tests/governance/store/test_migrate.py": {
        "test_many_that_begin_at_once_make_them_once": "migrations",
        "test_a_store_of_the_version_before_keeps_its_rows": "rollback",
    },
    "tests/governance/counters/test_outages.py": {
        "test_a_redis_that_is_silent_holds_nobody_up_and_is_told_once": "redis_hangs redis_errors",
        "test_one_round_trip_decides_all_limits_of_many": "slow_limits slots",
    },
    "tests/governance/test_distributed.py": {
        "test_without_redis_everybody_goes_on_and_all_is_told_afterwards": "local_limits",
    },
    "tests/governance/test_chaos.py": {"test_the_ledger_is_what_the_provider_counted": "overspent billed_twice"},
    "tests/governance/test_governor.py": {
        "test_a_stream_whose_client_left_costs_what_was_sent": "left",
        "test_thresholds_are_told_to_whoever_listens": "alerts",
        "test_a_model_without_a_price_is_refused_under_a_hard_budget_alone": "unpriced",
    },
    "tests/test_runtime.py": {"test_importing_the_package_loads_nothing_heavy": "cold_start"},
    "tests/test_routes.py": {"test_a_bad_request_says_nothing_of_the_deployment": "cooled"},
    "tests/governance/store/test_records.py": {"test_a_list_is_narrowed_to_who_asks_and_goes_page_by_page": "many_rows"},
    "tests/governance/test_governed.py": {"test_what_a_file_declares_is_there_and_changed_there_alone": "two_truths"},
    "tests/gateway/settings/test_governed.py": {"test_without_a_database_there_is_no_governance": "no_database"},
    "tests/gateway/test_tracing.py": {
        "test_a_request_joins_its_callers_trace_and_the_models_span_is_its_child": "siblings",
    },
    "tests/governance/test_clock.py": {"test_budgets_begin_anew_when_their_clock_says_so_and_not_before": "clock"},
    "tests/governance/test_writer.py": {
        "test_a_full_disk_is_told_and_what_does_not_fit_is_booked_all_the_same": "disk_full",
    },
}
# fmt: on


def shown() -> dict[str, str]:
    """Row → the test that shows it."""
    return {row.replace("_", " "): test for row, test in shown_by(SHOWN).items()}
