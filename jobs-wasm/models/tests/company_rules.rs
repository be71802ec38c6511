//! Rules that jobs and their callers share: months, thresholds, e-mails, keys.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::num::NonZeroU64;
use std::time::{Duration, SystemTime};

use mainworker_models::{
    Currency, Email, EmailAddress, EmailTemplate, Month, SendEmailPayload, charge_key, percent_of_limit,
    warning_key,
};
use serde_json::json;

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

fn at(unix_seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix_seconds)
}

#[test]
fn month_is_over_when_the_next_one_begins() {
    const JUNE_2015: u64 = 1_433_116_800;
    for (month_text, now, over) in [
        ("2015-05", JUNE_2015 - 1, false),
        ("2015-05", JUNE_2015, true),
        ("2015-06", JUNE_2015, false),
        ("2015-04", JUNE_2015 - 1, true),
        ("2014-12", JUNE_2015, true),
        ("2016-01", JUNE_2015, false),
        ("1969-12", 0, true),
        ("9999-12", 253_402_300_799, false),
        ("9999-12", 253_402_300_800, true),
    ] {
        assert_eq!(month(month_text).is_over(at(now)), over, "{month_text} at {now}");
    }
    let before_1970 = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    assert!(!month("1969-11").is_over(before_1970));
}

#[test]
fn months_follow_each_other_to_the_ends_of_the_calendar() {
    for (earlier, later) in [("2015-05", "2015-06"), ("2015-12", "2016-01"), ("0000-01", "0000-02")] {
        assert_eq!(month(earlier).next(), Some(month(later)));
        assert_eq!(month(later).previous(), Some(month(earlier)));
        assert!(month(earlier) < month(later));
    }
    assert_eq!((month("0000-01").previous(), month("9999-12").next()), (None, None));
    let days = |text: &str| month(text).days();
    assert_eq!([days("2015-02"), days("2016-02"), days("1900-02"), days("2000-02")], [28, 29, 28, 29]);
    assert_eq!([days("2015-01"), days("2015-04")], [31, 30]);
}

#[test]
fn only_four_digits_and_a_month_are_a_month() {
    assert_eq!(serde_json::to_value(month("0001-09")).unwrap(), json!("0001-09"));
    for text in [
        "",
        "2015",
        "2015-5",
        "2015-00",
        "2015-13",
        "15-05",
        "+015-05",
        "2015-+5",
        "2015-05-01",
        " 2015-05",
        "２015-05",
    ] {
        assert!(text.parse::<Month>().is_err(), "{text}");
        let refused = serde_json::from_value::<Month>(json!(text)).unwrap_err().to_string();
        assert!(refused.starts_with(&format!("`{text}` is no month; expected ")), "{refused}");
    }
}

#[test]
fn a_threshold_is_not_said_before_it_is_reached() {
    let percent = |bytes, limit| percent_of_limit(bytes, NonZeroU64::new(limit).unwrap());
    assert_eq!([percent(899, 1_000), percent(900, 1_000), percent(1_000, 1_000)], [89, 90, 100]);
    assert_eq!([percent(0, 1), percent(u64::MAX, 1), percent(u64::MAX, u64::MAX)], [0, u64::MAX, 100]);
}

#[test]
fn keys_can_stand_in_a_header_and_differ_where_accounts_do() {
    let key = |account: &str| charge_key(&account.to_owned(), month("2015-05"));
    assert_eq!(key("acme"), "acme:2015-05");
    assert_eq!(key("a b"), "a%20b:2015-05");
    assert_eq!(key("a%20b"), "a%2520b:2015-05");
    assert_eq!(key("Zürich\r\n"), "Z%C3%BCrich%0D%0A:2015-05");
    assert_eq!(warning_key(&"acme".to_owned(), month("2015-05"), 90), "acme:2015-05:90");
}

#[test]
fn an_email_that_is_built_has_what_its_template_needs() {
    let to: EmailAddress = "ops@acme.example".parse().unwrap();
    let (account, month) = ("acme".to_owned(), month("2015-05"));
    let emails = [
        Email::BandwidthWarning { account: account.clone(), month, percent: 90 },
        Email::ChargeFailed {
            account: account.clone(),
            month,
            amount: "12.00 EUR".to_owned(),
            reason: "expired".to_owned(),
        },
        Email::Welcome { account },
    ];
    let payloads = emails.map(|email| email.to(to.clone()));
    for (payload, template) in payloads.iter().zip(EmailTemplate::ALL) {
        assert_eq!((payload.template, payload.check()), (template, Ok(())));
        assert_eq!(serde_json::to_value(template).unwrap(), json!(template.name()));
    }
    assert_eq!(
        serde_json::to_value(&payloads[0]).unwrap(),
        json!({
            "template": "bandwidth-warning", "to": "ops@acme.example",
            "variables": { "account": "acme", "month": "2015-05", "percent": "90" },
        })
    );
}

#[test]
fn variables_must_be_exactly_those_of_the_template() {
    let check = |variables: serde_json::Value| {
        let payload = json!({ "template": "welcome", "to": "a@b", "variables": variables });
        let payload: SendEmailPayload = serde_json::from_value(payload).unwrap();
        payload.check().map_err(|error| error.to_string())
    };
    let takes = "the template `welcome` takes exactly `account`";
    assert_eq!(check(json!({ "account": "acme" })), Ok(()));
    assert_eq!(check(json!({})), Err(format!("`variables` has no `account`; {takes}")));
    assert_eq!(
        check(json!({ "account": "acme", "acount\n": "x" })),
        Err(format!("`variables` has the unknown `acount\\n`; {takes}"))
    );
}

#[test]
fn an_address_is_one_person_and_cannot_hold_a_header() {
    for address in ["a@b", "ops+bill@acme.example", "jürgen@zürich.example", "\"a.b\"@c"] {
        assert!(address.parse::<EmailAddress>().is_ok(), "{address}");
    }
    let long = format!("{}@b", "a".repeat(253));
    for refused in [
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a@b,c@d",
        "a@b;c",
        "a <a@b>",
        "a@b\r\nBcc: c@d",
        "a\0@b",
        "a@b ",
        &long,
    ] {
        assert!(refused.parse::<EmailAddress>().is_err(), "{refused:?}");
    }
}

#[test]
fn a_currency_is_three_letters() {
    assert_eq!(Currency::new("EUR").unwrap().to_string(), "EUR");
    for refused in ["", "eur", "EURO", "EÜ", "E1R"] {
        assert_eq!(Currency::new(refused), None, "{refused}");
    }
}
