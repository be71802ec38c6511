//! Where a configuration value comes from: a file, then the environment, then the settings; the envelope before them
//! all, unless the manifest says otherwise.

use crate::host::{Invocation, TestHost};
use serde_json::{Value, json};

const PROVIDERS: &str =
    "[configuration]\nenv-prefix = \"MW_\"\nfiles-dir = \"files\"\n[configuration.values]\n";

/// A host whose job may see these keys, with these values in its settings.
fn host(keys: Value, values: &str) -> TestHost {
    let host = TestHost::with_probes(json!({ "configuration": keys }));
    host.folder("files").settings(&format!("{PROVIDERS}{values}"));
    host
}

fn ask<'a>(host: &'a TestHost, configuration: Value, keys: &[&str]) -> Invocation<'a> {
    let payload = json!({ "probe": "reads_configuration", "keys": keys });
    host.run(&json!({ "configuration": configuration, "jobName": "prober", "source": "api", "jobPayload": payload }))
}

#[test]
fn a_file_goes_before_the_environment_before_the_settings() {
    let host = host(json!({ "accounts.url": {} }), "\"accounts.url\" = \"of the settings\"");
    let value = |environment: bool| {
        let asked = ask(&host, json!({}), &["accounts.url"]);
        let asked = if environment { asked.env("MW_ACCOUNTS_URL", "of the environment") } else { asked };
        asked.arg("--json").finish().exits(0).report()["result"]["accounts.url"].clone()
    };
    assert_eq!(value(false), json!("of the settings"));
    assert_eq!(value(true), json!("of the environment"));
    host.write("files/accounts.url", "of a file");
    assert_eq!(value(true), json!("of a file"));
}

#[test]
fn the_last_line_end_of_a_file_is_dropped() {
    let host = host(json!({ "plain": {} }), "");
    for (content, value) in
        [("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), (" x ", " x "), ("", ""), ("a\nb", "a\nb")]
    {
        host.write("files/plain", content);
        let printed = ask(&host, json!({}), &["plain"]).finish().exits(0);
        assert_eq!(
            serde_json::from_str::<Value>(printed.stdout()).unwrap(),
            json!({ "plain": value }),
            "{content:?}"
        );
    }
}

#[test]
fn an_envelope_overrides_only_what_it_may() {
    let keys = json!({ "both": {}, "ours": { "from": "host" }, "theirs": { "from": "envelope" } });
    let host = host(keys, "both = 1\nours = 1\ntheirs = 1\nnever = 1");
    let given = json!({ "both": 2, "ours": 2, "never": 2 });
    let printed = ask(&host, given, &["both", "ours", "theirs", "never"]).finish().exits(0);
    let seen: Value = serde_json::from_str(printed.stdout()).unwrap();
    assert_eq!(seen, json!({ "both": "2", "ours": "1", "theirs": null, "never": null }));
}

#[test]
fn dots_reach_into_tables() {
    let host = host(
        json!({ "accounts.url": {}, "accounts.limits": {} }),
        "accounts = { url = \"u\", limits = { a = 1 } }",
    );
    let printed = ask(&host, json!({}), &["accounts.url", "accounts.limits"]).finish().exits(0);
    let seen: Value = serde_json::from_str(printed.stdout()).unwrap();
    assert_eq!(seen, json!({ "accounts.url": "u", "accounts.limits": "{\"a\":1}" }));
}

#[test]
fn a_required_key_that_nobody_gives() {
    let host = host(
        json!({ "accounts.url": { "required": true, "from": "host" } }),
        "\"account.url\" = \"mistyped\"",
    );
    let printed = ask(&host, json!({ "accounts.url": "not from here" }), &[]).finish().exits(3);
    assert_eq!(printed.stdout(), "");
    insta::assert_snapshot!(printed.stderr(), @r#"
    error[missing_configuration]: `prober` requires the configuration key `accounts.url`, expected it from the host's settings alone, found none there
      at /configuration
    hint: add `"accounts.url" = …` under `[configuration.values]` in the settings
    "#);
}

#[test]
fn a_provider_that_fails_is_not_a_key_that_nobody_gives() {
    let host = host(json!({ "plain": { "required": true } }), "plain = \"of the settings\"");
    host.folder("files/plain");
    let failed = || ask(&host, json!({}), &["plain"]).finish().exits(2).stderr();
    insta::assert_snapshot!(failed(), @r"
    error[settings_invalid]: reading the configuration: the file `plain` in `[configuration] files-dir`: found something else, expected a file
    hint: mend that file, or its permissions
    ");
    std::fs::remove_dir(host.path("files/plain")).unwrap();
    host.write("files/plain", b"\xff");
    insta::assert_snapshot!(failed(), @r"
    error[settings_invalid]: reading the configuration: the file `plain` in `[configuration] files-dir`: it is not UTF-8 text
    hint: mend that file, or its permissions
    ");
    host.write("files/plain", "x".repeat(70_000));
    insta::assert_snapshot!(failed(), @r"
    error[settings_invalid]: reading the configuration: the file `plain` in `[configuration] files-dir`: more than 65536 bytes
    hint: mend that file, or its permissions
    ");
    std::fs::remove_dir_all(host.path("files")).unwrap();
    insta::assert_snapshot!(failed(), @r"
    error[settings_invalid]: reading the configuration: `[configuration] files-dir`: No such file or directory (os error 2)
    hint: mend that file, or its permissions
    ");
}

#[test]
fn a_file_outside_the_folder_is_not_followed() {
    let host = host(json!({ "plain": {} }), "");
    host.write("outside", "a secret of the host");
    std::os::unix::fs::symlink(host.path("outside"), host.path("files/plain")).unwrap();
    let printed = ask(&host, json!({}), &["plain"]).finish().exits(2);
    assert!(printed.stderr().starts_with("error[settings_invalid]"), "{}", printed.stderr());
}
