//! JSON in the one form that all texts of the same content have.

use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// JSON with its fields sorted and without white space. Numbers stay as they are written: two that no double tells apart are
/// two. The syntax was checked, and how deep it goes.
pub fn canonical(json: &str) -> String {
    let json = json.trim();
    let joined = |parts: Vec<String>| parts.join(",");
    match json.as_bytes().first() {
        Some(b'{') => serde_json::from_str::<BTreeMap<String, &RawValue>>(json).map(|fields| {
            let fields =
                fields.iter().map(|(name, value)| format!("{}:{}", json!(name), canonical(value.get())));
            format!("{{{}}}", joined(fields.collect()))
        }),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(json).map(|values| {
            format!("[{}]", joined(values.iter().map(|value| canonical(value.get())).collect()))
        }),
        Some(b'"') => serde_json::from_str::<String>(json).map(|text| json!(text).to_string()),
        _ => return json.to_owned(),
    }
    .unwrap_or_else(|_| json.to_owned())
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn layout_and_order_do_not_count_and_each_digit_does() {
        let same = [
            "{\"b\": [1, {\"d\":null,\"c\":\"\\u00e4\"}], \"a\":true}",
            "{\"a\":true,\"b\":[1,{\"c\":\"ä\",\"d\":null}]}",
        ];
        assert_eq!(canonical(same[0]), same[1]);
        assert_eq!(canonical(same[1]), same[1]);
        for (one, other) in [
            ("{\"n\":18446744073709551616}", "{\"n\":18446744073709551617}"),
            ("[0.1]", "[0.10000000000000000001]"),
            ("[\"1\"]", "[1]"),
            ("{}", "[]"),
        ] {
            assert_ne!(canonical(one), canonical(other));
        }
    }
}
