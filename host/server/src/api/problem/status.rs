//! The HTTP status of each code.

use http::StatusCode;

/// The HTTP status of each code.
#[rustfmt::skip]
pub(super) const STATUSES: [(&str, u16); 53] = [
    ("malformed_request", 400), ("malformed_json", 400), ("missing_field", 400), ("unknown_field", 400), ("wrong_type", 400), ("bad_cursor", 400), ("bad_filter", 400),
    ("unauthenticated", 401),
    ("role_missing", 403), ("source_mismatch", 403), ("source_not_allowed", 403), ("place_not_allowed", 403),
    ("not_found", 404), ("unknown_job", 404), ("unknown_task", 404), ("unknown_token", 404), ("unknown_schedule", 404), ("unknown_deployment", 404), ("unknown_revision", 404),
    ("method_not_allowed", 405),
    ("timeout", 408),
    ("idempotency_conflict", 409), ("unique_conflict", 409), ("not_cancellable", 409), ("not_retryable", 409), ("configuration_gone", 409), ("schedule_of_another_set", 409), ("schedule_changed", 409), ("modules_of_folder", 409), ("deployment_changed", 409), ("no_former_revision", 409), ("rolled_back_already", 409),
    ("too_large", 413),
    ("unsupported_media_type", 415),
    ("payload_invalid", 422), ("missing_configuration", 422), ("options_invalid", 422), ("token_invalid", 422), ("schedule_invalid", 422), ("too_many_schedules", 422), ("backfill_invalid", 422), ("deployment_invalid", 422),
    ("rate_limited", 429), ("queue_full", 429), ("too_many_failures", 429),
    ("headers_too_large", 431),
    ("host_error", 500),
    ("store_unavailable", 503), ("stopping", 503), ("module_unavailable", 503), ("module_refused", 503), ("settings_invalid", 503), ("settings_unusable", 503),
];

/// The status of a code; 500 for one that no client should ever see.
pub fn status_of(code: &str) -> StatusCode {
    let known = STATUSES.iter().find(|(known, _)| *known == code).map(|(_, status)| *status);
    known.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
