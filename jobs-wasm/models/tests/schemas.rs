//! What the schemas of payloads and reports say.

use mainworker_models::{
    AccountBandwidthPayload, AccountBandwidthReport, ArchiveIndex, ArchiveStreamPayload, ArchiveStreamReport,
    ChargeAccountsPayload, ChargeAccountsReport, EdgeLogsPayload, EdgeLogsReport, FileReport,
    SendEmailPayload, SendEmailReport,
};
use schemars::schema_for;
use serde_json::json;

#[test]
fn schemas_describe_every_property() {
    for schema in [
        schema_for!(AccountBandwidthPayload),
        schema_for!(AccountBandwidthReport),
        schema_for!(ArchiveIndex),
        schema_for!(ArchiveStreamPayload),
        schema_for!(ArchiveStreamReport),
        schema_for!(ChargeAccountsPayload),
        schema_for!(ChargeAccountsReport),
        schema_for!(EdgeLogsPayload),
        schema_for!(EdgeLogsReport),
        schema_for!(FileReport),
        schema_for!(SendEmailPayload),
        schema_for!(SendEmailReport),
    ] {
        let schema = schema.as_value();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["additionalProperties"], false);
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{name} of {}", schema["title"]);
        }
    }
}

#[test]
fn schemas_refuse_at_the_door_what_a_pattern_can_tell() {
    let property = |schema: schemars::Schema, name: &str| schema.as_value()["properties"][name].clone();
    for schema in [schema_for!(AccountBandwidthPayload), schema_for!(ChargeAccountsPayload)] {
        assert_eq!(property(schema, "month")["pattern"], json!("^[0-9]{4}-(0[1-9]|1[0-2])$"));
    }
    assert_eq!(property(schema_for!(ArchiveStreamPayload), "playlist")["pattern"], json!(r"^[^/].*\.m3u8$"));
    let to = property(schema_for!(SendEmailPayload), "to");
    assert_eq!((&to["type"], &to["maxLength"]), (&json!("string"), &json!(254)));
}
