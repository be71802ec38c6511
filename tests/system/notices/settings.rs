//! `[notify]` that cannot be meant.

use super::{SECRET, whsec};
use crate::host::{CANARY, TestHost};
use crate::serving::ALL_ROLES;

const URL: &str = "https://hooks.example.com/canary-5e1f07a2b9";

/// What a start says of this section. A check of the settings says the same.
#[track_caller]
fn refused(section: &str) -> String {
    let host = TestHost::with_jobs(&[]);
    host.settings(&format!("{ALL_ROLES}\n[notify]\n{section}"));
    let before = host.files();
    let args = ["serve", "--dev", "--modules", "modules", "--data", "data", "--listen", "127.0.0.1:0"];
    let said = host.mainworker(&args).finish().exits(2);
    assert_eq!(said.stdout(), "");
    assert_eq!(host.mainworker(&["settings", "check"]).finish().exits(2).stderr(), said.stderr());
    assert_eq!(host.files(), before, "something was written");
    said.stderr()
}

#[test]
fn what_cannot_be_meant_is_refused_at_the_start() {
    let (url, secret) = (format!("webhook = \"{URL}\"\n"), format!("secret = \"{}\"\n", whsec(SECRET)));
    let said = [
        refused(&format!("{url}{secret}ohn = [\"failed\"]")),
        refused(&format!("{url}{secret}on = [\"failed\", \"completed\"]")),
        refused(&format!("{url}{secret}on = \"failed\"")),
        refused(&secret),
        refused(&url),
        refused(&format!("{secret}webhook = \"ftp://hooks.example.com/{CANARY}\"")),
        refused(&format!("{secret}webhook = \"/{CANARY}\"")),
        refused(&format!("{secret}webhook = \"hooks.example.com {CANARY}\"")),
        refused(&format!("{secret}webhook = 8080")),
        refused(&format!("{url}secret = \"{CANARY}\"")),
        refused(&format!("{url}secret = \"whsec_{CANARY}\"")),
        refused(&format!("{url}secret = \"{}\"", whsec(&SECRET[..23]))),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.ohn`: unknown key, expected one of: webhook, secret, on
    hint: did you mean `on`?
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.on[1]`: found `completed`, expected `rejected`, `failed` or `host-error`
    hint: change `notify.on[1]`
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.on`: expected an array, found a string
    hint: change `notify.on`
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.webhook`: missing
    hint: add `notify.webhook`
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.secret`: missing
    hint: add `notify.secret`
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.webhook`: found `***`, expected a URL such as `https://hooks.example.com/mainworker`
    hint: change `notify.webhook`
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.webhook`: found `***`, expected a URL such as `https://hooks.example.com/mainworker`
    hint: change `notify.webhook`
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.webhook`: found `***`, expected a URL such as `https://hooks.example.com/mainworker`
    hint: change `notify.webhook`
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.webhook`: expected a string, found a number
    hint: change `notify.webhook`
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.secret`: found `***`, expected `whsec_` and at least 24 bytes in Base64: `echo whsec_$(head -c 32 /dev/urandom | base64)`
    hint: change `notify.secret`
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.secret`: found `***`, expected `whsec_` and at least 24 bytes in Base64: `echo whsec_$(head -c 32 /dev/urandom | base64)`
    hint: change `notify.secret`
    error[settings_invalid]: reading the settings `mainworker.toml`: `notify.secret`: found `***`, expected `whsec_` and at least 24 bytes in Base64: `echo whsec_$(head -c 32 /dev/urandom | base64)`
    hint: change `notify.secret`
    ");
}

#[test]
fn neither_where_nor_with_what_is_shown() {
    let host = TestHost::with_jobs(&[]);
    let secret = whsec(SECRET);
    host.settings(&format!("[notify]\nwebhook = \"{URL}\"\nsecret = \"{secret}\"\non = [\"rejected\"]"));
    let shown = host.mainworker(&["settings", "show"]).finish().exits(0);
    let settings: serde_json::Value = serde_json::from_str(shown.stdout()).expect("JSON");
    insta::assert_snapshot!(settings["notify"], @r#"{"on":["rejected"],"secret":"***","webhook":"***"}"#);
    assert!(!shown.stdout().contains("hooks.example.com") && !shown.stdout().contains(&secret));
}
