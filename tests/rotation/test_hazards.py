"""What is known to go wrong with rotating secrets on AWS, in words, and the tests that it does not go wrong here."""

import ast
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.rotation.rotation_world import World

TESTS: Final = Path(__file__).parents[1]

HAZARDS: Final[Mapping[str, Sequence[str]]] = {
    "writing another version of a secret during its rotation makes AWS abandon it": (
        "rotation/test_hazards.py::test_a_rotation_writes_its_own_version_alone",
        "rotation/test_hazards.py::test_after_a_foreign_write_in_a_rotation_no_key_is_lost_and_the_next_one_succeeds",
        "conformance/test_secrets_rotation.py::test_a_foreign_write_abandons_the_rotation",
    ),
    "a value put by hand postpones a schedule in days, and none by cron": (
        "components/test_whole.py::test_a_schedule_keeps_to_days_that_every_month_has_and_to_one_utc_day",
        "conformance/test_secrets_rotation.py::test_a_value_put_by_hand_postpones_no_cron",
    ),
    "another KMS key leaves every version on the old one but the current, the pending and the previous": (
        "rotation/test_histories.py::test_a_spare_that_nobody_can_decrypt_keeps_its_place_and_stops_no_rotation",
        "rotation/test_undecryptable.py::test_what_nobody_can_decrypt_is_let_go_once_a_person_asks",
        "sandbox/test_secrets_manager_lifecycle.py::test_a_new_key_re_encrypts_the_versions_of_the_three_labels_alone",
    ),
    "the first value of a secret becomes current, whatever label was asked for": (
        "rotation/test_histories.py::test_each_history_ends_as_told",
        "rotation/test_actions.py::test_a_spare_that_was_put_before_any_tombstone_is_let_go_as_any_other",
        "cli/test_keys_stage.py::test_the_first_spare_follows_a_tombstone_that_takes_awscurrent",
    ),
    "whoever may put a value may publish it, since no condition knows the label": (
        "components/test_principals.py::test_a_reserve_is_read_by_its_rotator_alone_and_filled_by_operators",
        "components/test_policies.py::test_each_principal_may_do_with_a_secret_what_the_table_says",
    ),
    "whoever may read a secret may read each version of it, spares among them": (
        "components/test_whole.py::test_every_role_has_a_key_and_a_reserve_by_explicit_name",
        "components/test_principals.py::test_a_reserve_is_read_by_its_rotator_alone_and_filled_by_operators",
    ),
    "the program tracks a version that AWS has collected, and its next run overwrites the live secret": (
        "components/test_whole.py::test_no_secret_value_enters_the_program",
        "end_to_end/test_key_audit.py::test_deploying_again_once_the_first_versions_are_gone_overwrites_no_key",
    ),
    "a rotation runs before the secret has a value": (
        "rotation/test_histories.py::test_each_history_ends_as_told",
        "conformance/test_secrets_rotation.py::test_a_secret_without_a_value_gets_its_first_by_rotation",
    ),
    "switching rotation on rotates at once": (
        "components/test_whole.py::test_enabling_rotation_never_rotates_at_once",
        "conformance/test_secrets_rotation.py::test_a_rotation_that_is_not_immediate_tests_its_configuration_alone",
    ),
    "rotation is switched on before Secrets Manager may call the function": (
        "components/test_rendered_stacks.py::test_a_rotation_is_scheduled_only_once_permission_and_policies_stand",
    ),
    "AWSPENDING is left behind, and confuses the next rotation": (
        "rotation/test_auditor.py::test_what_labels_dates_and_rotators_tell",
        "rotation/test_auditor_limits.py::test_a_finished_rotation_whose_pending_label_stayed_is_none_to_clear_away",
        "conformance/test_secrets_rotation.py::test_pending_that_was_left_refuses_the_next_rotation",
    ),
    "nobody says what becomes of a key that testSecret refuses": (
        "rotation/test_histories.py::test_a_key_that_dies_before_the_test_is_not_promoted_and_the_next_one_is",
        "rotation/test_crashes.py::test_a_refusal_killed_at_any_call_ends_with_the_verdict_once_and_nothing_pending",
    ),
    "what was written is not seen by the next call yet": (
        "rotation/test_histories.py::test_a_value_that_lags_behind_its_label_condemns_no_spare",
        "rotation/test_state_machine.py::test_random_schedules_do_no_harm",
    ),
    "after a rotation a cache goes on serving the old key": (
        "klaviyo/test_klaviyo_session.py::test_after_a_401_the_key_is_fetched_once_and_the_request_sent_once_more",
        "keys/test_agent_source.py::test_a_rejected_key_is_looked_for_past_the_agents_cache",
    ),
    "a cache cannot be told to look again": (
        "keys/test_keeper.py::test_a_refresh_on_demand_knows_no_hold_off",
        "keys/test_keeper.py::test_reads_never_wait_while_a_refresh_hangs",
    ),
    "a superseded key is never revoked": (
        "rotation/test_auditor.py::test_a_superseded_key_is_renamed_disabled_and_proved_dead",
        "rotation/test_auditor.py::test_where_no_key_may_disable_a_person_is_told_until_klaviyo_refuses_the_key",
    ),
    "a fleet's polling costs money and is throttled": (
        "keys/test_shared_store.py::test_64_threads_that_start_cold_ask_aws_once",
        "keys/test_keeper.py::test_delays_differ_so_that_a_fleet_does_not_ask_in_step",
        "keys/test_keeper.py::test_a_failed_refresh_is_repeated_ever_less_often_and_the_key_kept",
    ),
    "values of secrets stand in the program's state": (
        "components/test_whole.py::test_no_secret_value_enters_the_program",
        "end_to_end/test_no_key_anywhere.py::test_no_key_is_left_where_somebody_could_read_it",
    ),
    "where the audit is down, so is everything else": (
        "audit/test_audit_log.py::test_a_sink_that_hangs_holds_up_nobody_and_keeps_nothing_in_memory",
        "audit/test_audit_log.py::test_while_the_sink_is_down_entries_wait_on_disk_and_arrive_later_in_order",
    ),
    "alerts are so many that nobody reads them": (
        "components/test_detections.py::test_a_stranger_is_whoever_is_no_session_of_a_reader",
        "rotation/test_auditor_round.py::test_a_role_that_cannot_be_read_is_told_of_once",
        "keys/test_keeper.py::test_failing_refreshes_are_logged_when_they_begin_and_when_they_are_over",
    ),
    "nobody knows which scopes an operation of Klaviyo's needs": (
        "klaviyo/test_klaviyo_data.py::test_the_scopes_of_an_operation_are_those_of_its_documentation",
        "klaviyo/test_klaviyo_session.py::test_a_missing_scope_names_the_roles_that_have_it",
    ),
}


@cache
def names_in(module: str) -> frozenset[str]:
    """The names of a module's functions."""
    parsed = ast.parse((TESTS / module).read_text(encoding="utf-8"))
    return frozenset(node.name for node in parsed.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("named", HAZARDS.values(), ids=HAZARDS)
def test_a_hazard_has_its_tests(named: Sequence[str]) -> None:
    assert named, "a hazard without a test"
    for node in named:
        module, _, test = node.partition("::")
        assert test.startswith("test_"), node
        assert test in names_in(module), node


def test_a_rotation_writes_its_own_version_alone() -> None:
    world = World()
    world.stage("a")
    world.client.made.clear()
    assert world.rotate() == "RotationSucceeded"
    current = world.labels(world.key_arn).current
    assert current is not None
    puts = [asked for operation, asked in world.client.made if operation == "PutSecretValue"]
    assert [(asked["SecretId"], asked["ClientRequestToken"]) for asked in puts] == [(world.key_arn, current.id)]


def test_after_a_foreign_write_in_a_rotation_no_key_is_lost_and_the_next_one_succeeds() -> None:
    world = World()
    for name in ("a", "b", "c"):
        world.stage(name)
    world.rotate()
    token = world.announce()
    world.step("createSecret", token)
    world.adopt("hand", '{"apiKey": "none"}')
    world.now += 3600
    world.ask("unstick")
    assert world.rotate() == "RotationSucceeded"
    lives = world.lives()
    assert (lives["b"], lives["c"]) == ("KEY RETIRED", "AWSCURRENT KEY")
    assert "KEY" in lives["a"]
