"""What translators between the protocols got wrong elsewhere, by number, and where it is shown right here.

`SHOWN` has a test for each row; others name it too, `pitfall_12` or `pitfall_60b`, in their name or a case's.
`GATEWAY` has those that show a row through a running gateway as well.
"""

from __future__ import annotations

ROWS = {
    # streams, put together
    "1": "thinking and text are blocks of their own", "2": "a message starts once",
    "3": "blocks open, say, close, without gaps", "4": "usage from the first event on",
    "5": "calls are counted by themselves", "6": "parallel calls stay apart",
    "7": "a call's arguments are its own, and none are an object", "8": "a call's id and name are told once",
    "9": "the first chunk has the role", "10": "the last chunk has the reason",
    "11": "usage is told to those who ask", "12": "and asked for whether they do or not",
    "13": "no choices are no crash", "14": "usage counts wherever it rides",
    "15": "what breaks a stream is its last event", "16": "an error behind a 200 is one",
    "17": "a cut stream is no answer", "18": "a whole one has its end",
    "19": "a response's events, all of them, numbered", "20": "items keep their places",
    "21": "an error is never mute",
    # why it stopped
    "22": "a call is a call whatever the reason says", "23": "Gemini's too", "24": "rare reasons are told",
    "25": "an answer the model spoilt is a failure",
    # thinking
    "26": "thinking comes first, as it was", "27": "a signature alone is kept",
    "28": "signed thinking is for who signed it", "29": "what is redacted goes back as it came",
    "30": "Gemini's signatures stay at their parts", "31": "reasoning goes with its call",
    "32": "unknown fields pass on the same wire", "33": "effort is mapped, and lost effort told",
    "34": "each attempt is translated from the request", "35": "budgets fit their bounds",
    "36": "thinking is known by model", "37": "what is lost is told, and refused in strict mode",
    # messages
    "38": "system messages stay where they stand", "39": "no empty text", "40": "null is null, beside calls",
    "41": "results of a turn come together, and first", "42": "turns of one role are one",
    "43": "as many answers as calls", "44": "results stay at their calls",
    "45": "text or parts, everywhere", "46": "nothing is fetched that was not allowed",
    "47": "no detail is invented", "48": "documents keep their type", "49": "pictures in results stay pictures",
    "50": "citations are told",
    # tools
    "51": "schemas fit their reader, and the caller's stays", "52": "ids of letters that are taken",
    "53": "and of a length that is", "54": "names too, and back", "55": "tools keep their order",
    "56": "every block has its counterpart", "57": "structured answers by what the model has",
    # usage and headers
    "58": "cached tokens are counted once", "59": "betas go where they are known",
    "60": "tokens are counted, and a guess says so", "60b": "stop sequences of blanks are dropped",
    "60c": "a model's name is split once",
    # rules
    "61": "most tokens are the model's most", "62": "temperatures fit, and that is told",
    "63": "several answers, or a word about it", "64": "what has no counterpart is told",
    "65": "choices of tools, both ways", "66": "developers are the system, or the other way",
    "67": "effort and budget by one table", "68": "arguments are text here and objects there",
    "69": "strict stays strict", "70": "functions of old", "71": "refusals are told as such",
    "72": "marks of the cache for who reads them", "73": "pings are nothing", "74": "an end of each one's own",
    "75": "events however they are cut", "76": "one limit by three names", "77": "what is kept, or refused",
    "78": "ids and models as the client knows them",
}  # fmt: skip

# fmt: off
SHOWN = {
    "tests/drop_in/test_responses.py": {
        "test_pitfall_31_32_items_sent_back_by_the_client": "32",
        "test_pitfall_44_69_tools_over_two_turns": "44",
    },
    "tests/gateway/test_claude_code.py": {
        "test_tokens_are_counted_for_any_model": "60",
    },
    "tests/providers/test_anthropic.py": {
        "test_pitfall_34_each_attempt_starts_from_the_original": "34",
    },
    "tests/transport/test_fetch.py": {
        "test_pitfall_46_only_allowed_hosts_are_asked": "46",
    },
    "tests/wire/anthropic/test_inbound.py": {
        "test_pitfall_15_an_error_is_told_as_anthropics": "15",
        "test_pitfall_21_an_error_is_never_mute": "21",
        "test_pitfall_78_an_answer_in_the_clients_terms": "78",
    },
    "tests/wire/anthropic/test_inbound_request.py": {
        "test_pitfall_28_signed_thinking_is_for_anthropic_alone": "28",
        "test_pitfall_37_what_the_chat_form_has_no_room_for_is_told": "37",
        "test_pitfall_41_results_come_first_then_the_text": "41",
        "test_pitfall_42_messages_of_one_role_stay_apart": "42",
    },
    "tests/wire/anthropic/test_inbound_stream.py": {
        "test_chunks_as_events": "1 2 3",
        "test_pitfall_4_usage_from_the_first_event_on": "4",
        "test_pitfall_9_the_first_event_has_the_role": "9",
    },
    "tests/wire/anthropic/test_messages.py": {
        "test_pitfall_16_an_error_in_a_success": "16",
        "test_pitfall_22_a_call_is_a_call_whatever_the_reason": "22",
        "test_pitfall_24_fault_23_finish_reasons": "24",
        "test_pitfall_50_citations": "50",
        "test_pitfall_57_a_forced_tool_is_an_answer": "57",
        "test_pitfall_58_usage_counts_cached_tokens_in": "58",
        "test_pitfall_70_and_come_back_in_it": "70",
        "test_pitfall_71_refusals_say_why": "71",
    },
    "tests/wire/anthropic/test_parts.py": {
        "test_pitfall_45_text_parts": "45",
        "test_pitfall_47_detail_is_never_invented": "47",
        "test_pitfall_48_files_keep_their_kind": "48",
    },
    "tests/wire/anthropic/test_request.py": {
        "test_pitfall_38_a_later_system_message_stays_where_it_is": "38",
        "test_pitfall_49_results_with_images": "49",
        "test_pitfall_60b_stop_sequences": "60b",
        "test_pitfall_61_without_a_limit_the_models_own": "61",
        "test_pitfall_62_temperature": "62",
        "test_pitfall_63_several_answers_are_refused": "63",
        "test_pitfall_64_what_anthropic_has_no_room_for": "64",
        "test_pitfall_66_leading_instructions_are_the_system_text": "66",
        "test_pitfall_68_arguments_that_are_no_object_are_kept_as_text": "68",
        "test_pitfall_72_cache_breakpoints_are_passed_on": "72",
        "test_pitfall_76_the_limit_by_either_name": "76",
    },
    "tests/wire/anthropic/test_stream.py": {
        "test_pitfall_05_calls_are_counted_by_themselves": "5",
        "test_pitfall_06_parallel_calls_stay_apart": "6",
        "test_fault_41_pitfall_08_a_calls_id_and_name_are_told_once": "8",
        "test_pitfall_11_no_usage_chunk_unless_asked": "11",
        "test_pitfall_11_pitfall_12_the_usage_chunk": "12",
        "test_pitfall_17_an_end_without_message_stop_is_no_end": "17",
        "test_pitfall_54_names_are_mapped_back": "54",
        "test_pitfall_73_what_is_ignored": "73",
    },
    "tests/wire/anthropic/test_thinking.py": {
        "test_pitfall_33_adaptive_efforts": "33",
        "test_pitfall_35_a_budget_of_the_callers": "35",
        "test_pitfall_36_models_that_cannot_think": "36",
        "test_pitfall_67_budgets": "67",
    },
    "tests/wire/anthropic/test_tools.py": {
        "test_pitfall_55_tools_keep_their_order": "55",
        "test_pitfall_65_a_choice_without_a_counterpart": "65",
        "test_pitfall_69_strict_tools": "69",
    },
    "tests/wire/aws/test_converse.py": {
        "test_pitfall_5_8_9_10_11_the_chunks_one_by_one": "10",
        "test_pitfall_17_18_a_stream_cut_off_is_no_answer": "18",
        "test_pitfall_27_29_thinking": "27",
        "test_pitfall_40_calls": "40",
        "test_pitfall_56_an_answer_sent_back_is_the_one_that_came": "56",
    },
    "tests/wire/aws/test_request.py": {
        "test_pitfall_26_27_29_thinking_goes_back_verbatim_and_first": "26",
        "test_pitfall_52_53_54_ids_and_names_fit": "52",
        "test_pitfall_59_betas_that_bedrock_knows": "59",
    },
    "tests/wire/cohere/test_chat.py": {
        "test_pitfall_07_no_arguments": "7",
        "test_pitfall_75_however_the_bytes_are_cut": "75",
    },
    "tests/wire/gemini/test_generate_content.py": {
        "test_pitfall_13_no_candidates": "13",
        "test_pitfall_14_the_last_usage_counts": "14",
        "test_pitfall_23_a_call_ends_in_tool_calls": "23",
        "test_pitfall_25_a_failure_is_no_answer": "25",
        "test_pitfall_30_what_is_sent_back": "30",
    },
    "tests/wire/gemini/test_request.py": {
        "test_pitfall_39_empty_text_is_left_out": "39",
        "test_pitfall_43_results_of_a_turn_are_in_one_content_of_their_own": "43",
    },
    "tests/wire/gemini/test_tools.py": {
        "test_pitfall_51_schemas": "51",
    },
    "tests/wire/openai/test_chat.py": {
        "test_pitfall_60c_the_model_name_is_the_providers_own": "60c",
    },
    "tests/wire/responses/test_inbound.py": {
        "test_pitfall_20_items_in_their_order": "20",
        "test_pitfall_29_claude_behind_responses": "29",
        "test_pitfall_77_a_conversation_that_is_kept": "77",
    },
    "tests/wire/responses/test_inbound_stream.py": {
        "test_pitfall_19_the_life_cycle": "19",
        "test_pitfall_74_no_chat_terminator": "74",
    },
    "tests/wire/responses/test_request.py": {
        "test_pitfall_31_reasoning_that_cannot_be_found": "31",
        "test_pitfall_53_long_ids": "53",
    },
}
GATEWAY = {
    "tests/gateway/test_streams.py": {
        "test_every_door_tells_a_stream_by_its_rules": "1 2 3 4 5 6 7 8 9 10 11 19 20 22 23 74",
        "test_a_stream_that_breaks_ends_as_its_protocol_ends_one": "15 16 17 18",
    },
    "tests/gateway/test_claude_code.py": {
        "test_a_stream_that_breaks_ends_in_an_error_event": "21",
        "test_anthropic_gets_headers_and_body_verbatim": "32 59",
        "test_pings_of_anthropics_own_are_relayed": "73",
        "test_tokens_are_counted_for_any_model": "60",
    },
    "tests/gateway/test_own.py": {"test_responses_are_kept_for_providers_that_keep_none": "77 78"},
}
# fmt: on


def shown_by(table: dict[str, dict[str, str]]) -> dict[str, str]:
    """Row → the test that shows it, as pytest calls it."""
    return {
        row: f"{file}::{test}"
        for file, tests in table.items()
        for test, rows in tests.items()
        for row in rows.split()
    }
