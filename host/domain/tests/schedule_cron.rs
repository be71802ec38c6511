//! The grammar of cron expressions, and what each mistake in one is told as.

use mainworker_domain::schedule::Cron;
use proptest::prelude::*;

#[test]
fn names_nicknames_and_spaces_are_taken() {
    for good in [
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@Daily",
        "@midnight",
        "@hourly",
        "* * * * *",
        "0  6 1 * *",
        "0,30 1-5 */2 JAN-mar,12 MON-FRI",
        "0 0 L * *",
        "0 0 LW,3 * *",
        "0 0 15W * *",
        "0 0 * * FRI#2,SATL",
        "0 0 * * 5-7",
        "0 0 * * FRI-SUN",
        "59 23 31 12 7",
        "10-50/20 * * * *",
    ] {
        let cron = Cron::parse(good).unwrap_or_else(|error| panic!("{good}: {error}"));
        assert_eq!(Cron::parse(cron.as_str()).unwrap(), cron);
    }
    assert_eq!(Cron::parse(" 0  6\t1 * * ").unwrap().as_str(), "0 6 1 * *");
    assert!(Cron::parse("0 6-8/2 * * *").unwrap().has_fixed_times());
    assert!(!Cron::parse("0 */6 * * *").unwrap().has_fixed_times());
}

#[test]
fn each_mistake_names_its_field() {
    let nicknames =
        "`@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly` or five fields";
    let five = "five fields: minute, hour, day of the month, month, day of the week (no seconds, no years)";
    for (text, message, nearest) in [
        ("", format!("found ``, 0 fields, expected {five}"), None),
        ("0 0 6 1 * *", format!("found `0 0 6 1 * *`, 6 fields, expected {five}"), None),
        ("@reboot", format!("found `@reboot`, expected {nicknames}"), None),
        ("@dayly", format!("found `@dayly`, expected {nicknames}"), Some("@daily")),
        ("TZ=Europe/Berlin 0 6 1 * *", "found `TZ=Europe/Berlin 0 6 1 * *`, expected the five fields alone; the time zone has its own key, `timeZone`".to_owned(), None),
        ("60 * * * *", "found `60`, expected 0 to 59 as the minute".to_owned(), None),
        ("0 24 * * *", "found `24`, expected 0 to 23 as the hour".to_owned(), None),
        ("0 0 0 * *", "found `0`, expected 1 to 31 as the day of the month".to_owned(), None),
        ("0 0 1 13 *", "found `13`, expected 1 to 12 or `JAN` to `DEC` as the month".to_owned(), None),
        ("0 0 * * 8", "found `8`, expected 0 to 7 or `SUN` to `SAT` as the day of the week".to_owned(), None),
        ("0 0 * * Monday", "found `MONDAY`, expected 0 to 7 or `SUN` to `SAT` as the day of the week".to_owned(), Some("MON")),
        ("0 0 1 JAM *", "found `JAM`, expected 1 to 12 or `JAN` to `DEC` as the month".to_owned(), Some("JAN")),
        ("0 0 JAN * *", "found `JAN`, expected 1 to 31 as the day of the month".to_owned(), None),
        ("0 0 ? * *", "found `?`, expected `*` as the day of the month".to_owned(), None),
        ("*,5 * * * *", "found `*`, expected `*` alone as the minute, without a list".to_owned(), None),
        ("1,,2 * * * *", "found ``, expected 0 to 59 as the minute".to_owned(), None),
        ("+1 * * * *", "found `+1`, expected 0 to 59 as the minute".to_owned(), None),
        ("0 22-4 * * *", "found `22-4`, expected a range of the hour from the lesser to the greater, or two ranges".to_owned(), None),
        ("0/5 * * * *", "found `0/5`, expected a step over `*` or over a range as the minute, such as `*/5` or `10-50/5`".to_owned(), None),
        ("*/60 * * * *", "found `*/60`, expected a step of 1 to 59 as the minute".to_owned(), None),
        ("*/0 * * * *", "found `*/0`, expected a step of 1 to 59 as the minute".to_owned(), None),
        ("0 L * * *", "found `L`, expected 0 to 23 as the hour".to_owned(), None),
        ("0 0 * * L", "found `L`, expected 0 to 7 or `SUN` to `SAT` as the day of the week".to_owned(), None),
        ("0 0 * * +MON", "found `+MON`, expected 0 to 7 or `SUN` to `SAT` as the day of the week".to_owned(), Some("MON")),
        ("0 0 32W * *", "found `32`, expected 1 to 31 as the day of the month".to_owned(), None),
        ("0 0 L,LW * *", "found `L,LW`, expected one of `L` (the last day) and `LW` (the last weekday) as the day of the month".to_owned(), None),
        ("0 0 * * FRI#6", "found `FRI#6`, expected a day of the week with its number in the month, such as `FRI#2`, 1 to 5".to_owned(), None),
    ] {
        let error = Cron::parse(text).expect_err(text);
        assert_eq!(error.to_string(), message);
        assert_eq!(error.nearest.first().map(String::as_str), nearest, "{text}");
    }
    let long = vec!["1"; 300].join(",") + " * * * *";
    assert_eq!(Cron::parse(&long).unwrap_err().to_string(), "found 607 characters, expected at most 400");
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_taken_reads_back(text in "[@*0-9LW#/,A-Za-z ?+-]{0,24}|.{0,24}|[0-9*/,-]{1,4}( [0-9*/,LW#-]{1,4}){4}") {
        if let Ok(cron) = Cron::parse(&text) {
            prop_assert_eq!(Cron::parse(cron.as_str()).unwrap(), cron);
        }
    }
}
