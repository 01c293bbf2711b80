"""Which of Segment's own tests are not run against this package, and why. Only tests of Segment's insides are here.

A test that a later version of Segment's package adds is run until it is listed here.
"""

from __future__ import annotations

_GROUPS: dict[str, str] = {
    "calls Segment's Consumer by itself, without a client": """
        test_consumer.TestConsumer: test_next test_next_limit test_dropping_oversize_msg test_upload
        test_upload_interval test_multiple_uploads_per_interval test_request test_pause test_max_batch_size
    """,
    "calls Segment's Consumer with its post() replaced, for what is retried and when": """
        test_consumer.TestConsumer: test_request_retry test_retry_count_header_increments
        test_non_retryable_4xx_status_codes test_retryable_4xx_status_codes test_non_retryable_5xx_status_codes
        test_retryable_5xx_status_codes test_408_and_503_without_retry_after_use_backoff
        test_shutdown_during_backoff_requeues_instead_of_dropping test_exponential_backoff_with_jitter
        test_fatal_error_not_retried test_max_retries_exhausted test_first_request_has_retry_count_zero
        test_429_without_retry_after_uses_counted_backoff test_408_without_retry_after_uses_backoff
        test_network_error_retried_with_backoff test_511_not_retryable_without_oauth test_511_retryable_with_oauth
        test_413_payload_too_large_not_retried test_t19_max_total_backoff_duration
        test_max_total_backoff_duration_zero_prevents_retry test_410_and_460_retried test_505_not_retried
        test_retries_exhausted_calls_on_error test_retry_after_zero_uses_counted_backoff
    """,
    "reads or sets the rate-limit fields of Segment's Consumer": """
        test_consumer.TestConsumer: test_429_sets_rate_limit_state_with_retry_after
        test_retry_after_capped_at_max_retry_after_seconds
        test_a_wait_that_will_not_fit_the_budget_drops_instead_of_shortening
        test_a_wait_that_fits_the_budget_is_honoured_in_full test_503_with_retry_after_sets_rate_limit_state
        test_529_with_retry_after_sets_rate_limit_state test_stale_rate_limit_state_does_not_misroute_later_errors
        test_rate_limit_wait_is_interruptible test_429_with_retry_after_does_not_count_against_backoff_budget
        test_t04_429_halts_upload_iteration test_429_without_retry_after_does_not_requeue_batch
        test_t20_max_rate_limit_duration test_rate_limit_state_cleared_on_success
        test_retry_after_zero_does_not_trigger_pipeline_blocking test_queue_full_during_429_requeue_calls_on_error
        test_default_rate_limit_budget_exceeds_the_retry_after_cap
        test_client_defaults_to_the_documented_rate_limit_budget test_non_rate_limited_failure_ends_the_episode
        test_batch_after_an_ended_episode_is_still_sent
    """,
    "replaces the post() of Segment's session: nothing arrives then, which the runner checks": """
        test_client.TestClient: test_proxies
    """,
    "calls Segment's Consumer by itself, without a client, to see that proxies reach it": """
        test_consumer.TestConsumer: test_proxies
    """,
    "replaces post() inside Segment's consumer module, to count its batches": """
        test_client.TestClient: test_user_defined_upload_size
    """,
    "expects the headers of Segment's API, or its OAuth": """
        test_request.TestRequests: test_authorization_header_basic_auth test_authorization_header_oauth
        test_x_retry_count_header test_oauth_token_cleared_on_511
    """,
    "expects the status of a success as it was; the official client knows 200 only": """
        test_request.TestRequests: test_non_200_2xx_treated_as_success
    """,
    "expects a time-out of 0.1 ms, in which a server on this machine may answer": """
        test_request.TestRequests: test_should_timeout
    """,
    "sends a track without an event, which PostHog would refuse": """
        test_request.TestNonObjectErrorBody: test_non_object_json_body_raises_apierror_not_typeerror
    """,
    "needs Segment's OAuth, which PostHog does not have": """
        test_oauth.TestOauthManager: test_oauth_success test_oauth_fail_unrecoverably test_oauth_fail_with_retries
        test_oauth_rate_limit_delay
        test_oauth.TestOauthIntegration: test_oauth_integration_success test_oauth_integration_failure
        test_oauth_integration_recovery test_oauth_integration_fail_bad_key
    """,
}


def _listed() -> dict[str, str]:
    reasons: dict[str, str] = {}
    for reason, names in _GROUPS.items():
        test_case = ""
        for word in names.split():
            if word.endswith(":"):
                test_case = word[:-1]
            else:
                assert f"{test_case}.{word}" not in reasons, f"{word} is listed twice"
                reasons[f"{test_case}.{word}"] = reason
    return reasons


LEFT_OUT: dict[str, str] = _listed()
