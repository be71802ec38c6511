//! Origins that a manifest or the settings name wrongly, or that the one requires and the other does not give: said before
//! any attempt.

use crate::host::{TestHost, envelope};
use crate::jobs;
use serde_json::{Value, json};

/// What is said of a run that is refused with this code.
#[track_caller]
fn refused(host: &TestHost, code: &str) -> String {
    host.refused(envelope("prober", "api", json!({ "probe": "completes" })).to_string(), 5, "refused", code)
}

fn asking(grant: Value, configuration: Value) -> TestHost {
    TestHost::with_probes(json!({ "grants": { "http": [grant] }, "configuration": configuration }))
}

#[test]
fn a_required_origin_that_the_settings_do_not_allow() {
    let host = asking(json!({ "to": "https://api.example", "methods": ["GET"] }), json!({ "plain": {} }));
    insta::assert_snapshot!(refused(&host, "origin_not_allowed"), @r#"
    error[origin_not_allowed]: `prober` requires requests to `https://api.example`, the host's settings do not allow that origin
    hint: add to the settings:
    [http]
    allow = ["https://api.example"]
    "#);
    host.settings(
        "[http]\nallow = [\"http://api.example\", \"https://api.example:8443\", \"https://*.api.example\"]",
    );
    insta::assert_snapshot!(refused(&host, "origin_not_allowed"), @r#"
    error[origin_not_allowed]: `prober` requires requests to `https://api.example`, the host's settings do not allow that origin
    hint: add to the settings:
    [http]
    allow = ["https://api.example"]
    "#);
    host.settings("[http]\nallow = [\"https://api.example\"]");
    drop(host.probe(json!({ "probe": "completes" })).finish().exits(0));
}

#[test]
fn an_origin_whose_key_has_no_value_or_none_that_is_an_origin() {
    let keys = json!({ "accounts.url": { "from": "host" } });
    let host = asking(json!({ "to": "config:accounts.url", "methods": ["GET"] }), keys.clone());
    insta::assert_snapshot!(refused(&host, "origin_unset"), @r#"
    error[origin_unset]: `prober` requires requests to the origin in the configuration key `accounts.url`, which has no value
    hint: add `"accounts.url" = …` under `[configuration.values]` in the settings; or make the grant `optional = true` in job.toml
    "#);
    let with = |value: &str| {
        host.settings(&format!(
            "[http]\nallow = [\"https://api.example\"]\n[configuration.values]\n\"accounts.url\" = \"{value}\""
        ));
    };
    // A value may be more of a secret than it should.
    for (value, problem) in [
        ("accounts.example", "it does not begin with `https://` or `http://`"),
        ("ftp://accounts.example", "it does not begin with `https://` or `http://`"),
        ("https://me:pass@accounts.example", "it has a user name before the host"),
        ("https://accounts.example/v1?key=1", "it has more than scheme, host and port"),
        ("https:///v1", "it has no host"),
        ("https://127.1", "its host ends with a number and is no address of four decimal numbers"),
    ] {
        with(value);
        let said = refused(&host, "origin_invalid");
        assert!(said.contains(problem) && !said.contains(value), "{value}: {said}");
    }
    with("accounts.example");
    insta::assert_snapshot!(refused(&host, "origin_invalid"), @r"
    error[origin_invalid]: the configuration key `accounts.url` of `prober` is no origin: it does not begin with `https://` or `http://`
    hint: give `accounts.url` a URL such as `https://api.example.com/v1`
    ");
    with("https://other.example/v1");
    insta::assert_snapshot!(refused(&host, "origin_not_allowed"), @r#"
    error[origin_not_allowed]: `prober` requires requests to `https://other.example`, the host's settings do not allow that origin
    hint: add to the settings:
    [http]
    allow = ["https://other.example"]
    "#);
    with("https://api.example/v1/");
    drop(host.probe(json!({ "probe": "completes" })).finish().exits(0));

    // One that the job can do without is absent, but not when somebody meant to give it.
    let optional = json!({ "to": "config:accounts.url", "methods": ["GET"], "optional": true });
    let host = asking(optional, keys);
    drop(host.probe(json!({ "probe": "completes" })).finish().exits(0));
    host.settings("[configuration.values]\n\"accounts.url\" = \"accounts.example\"");
    refused(&host, "origin_invalid");
}

/// What `module pack` says of a manifest with these lines.
fn packed(lines: &str) -> String {
    let host = TestHost::with_jobs(&[]);
    let head = "[job]\nname = \"prober\"\nversion = \"0.1.0\"\nsummary = \"x\"\n[schedulable-by]\nsources = [\"api\"]\n";
    host.write("probes.wasm", jobs::probes()).write("job.toml", format!("{head}{lines}"));
    host.mainworker(&["module", "pack", "probes.wasm", "job.toml", "-o", "out.wasm"])
        .finish()
        .exits(2)
        .stderr()
}

#[test]
fn a_manifest_that_sends_a_secret_where_the_envelope_says() {
    let keys = |url: &str, only_to: &str| {
        format!(
            "[configuration]\n\"a.url\" = {url}\n\"a.token\" = {{ secret = true, only-to = [\"{only_to}\"], in = [\"header\"] }}"
        )
    };
    insta::assert_snapshot!(packed(&keys("{}", "config:a.url")), @r#"
    error[manifest_invalid]: reading `job.toml`: `configuration."a.token".only-to[0]`: found `config:a.url`, expected a key under `[configuration]` with `from = "host"` that is no secret
    hint: change `configuration."a.token".only-to[0]`
    "#);
    insta::assert_snapshot!(packed(&keys("{ from = \"envelope\" }", "config:a.url")), @r#"
    error[manifest_invalid]: reading `job.toml`: `configuration."a.token".only-to[0]`: found `config:a.url`, expected a key under `[configuration]` with `from = "host"` that is no secret
    hint: change `configuration."a.token".only-to[0]`
    "#);
    insta::assert_snapshot!(packed(&keys("{ from = \"host\", secret = true }", "config:a.url")), @r#"
    error[manifest_invalid]: reading `job.toml`: `configuration."a.token".only-to[0]`: found `config:a.url`, expected a key under `[configuration]` with `from = "host"` that is no secret
    hint: change `configuration."a.token".only-to[0]`
    "#);
    insta::assert_snapshot!(packed(&keys("{ from = \"host\" }", "config:b.url")), @r#"
    error[manifest_invalid]: reading `job.toml`: `configuration."a.token".only-to[0]`: found `config:b.url`, expected a key under `[configuration]` with `from = "host"` that is no secret
    hint: change `configuration."a.token".only-to[0]`
    "#);
    insta::assert_snapshot!(packed(&keys("{ from = \"host\" }", "a.url")), @r#"
    error[manifest_invalid]: reading `job.toml`: `configuration."a.token".only-to[0]`: found `a.url`, expected an origin such as `https://api.example.com`, or `config:KEY`: it does not begin with `https://` or `http://`
    hint: change `configuration."a.token".only-to[0]`
    "#);
}

#[test]
fn a_manifest_whose_grant_cannot_be_meant() {
    let http = |grant: &str| packed(&format!("[grants]\nhttp = [{{ {grant} }}]"));
    insta::assert_snapshot!(http(r#"to = "config:a.url", methods = ["GET"]"#), @r"
    error[manifest_invalid]: reading `job.toml`: `grants.http[0].to`: found `config:a.url`, expected a key under `[configuration]` that is no secret
    hint: change `grants.http[0].to`
    ");
    insta::assert_snapshot!(http(r#"to = "https://api.example/v1", methods = ["GET"]"#), @r"
    error[manifest_invalid]: reading `job.toml`: `grants.http[0].to`: found `https://api.example/v1`, expected an origin such as `https://api.example.com`, or `config:KEY`: it has more than scheme, host and port
    hint: change `grants.http[0].to`
    ");
    insta::assert_snapshot!(http(r#"to = "*", methods = ["GET"]"#), @r"
    error[manifest_invalid]: reading `job.toml`: `grants.http[0].to`: found `*`, expected an origin such as `https://api.example.com`, or `config:KEY`: it does not begin with `https://` or `http://`
    hint: change `grants.http[0].to`
    ");
    insta::assert_snapshot!(http(r#"to = "https://api.example""#), @r"
    error[manifest_invalid]: reading `job.toml`: `grants.http[0].methods`: found `no methods`, expected at least one, such as `GET`
    hint: change `grants.http[0].methods`
    ");
    insta::assert_snapshot!(http(r#"to = "https://api.example", methods = ["get"]"#), @r"
    error[manifest_invalid]: reading `job.toml`: `grants.http[0].methods[0]`: found `get`, expected a method such as `GET`
    hint: change `grants.http[0].methods[0]`
    ");
    insta::assert_snapshot!(http(r#"to = "https://api.example", methods = ["GET"], paths = ["streams"]"#), @r"
    error[manifest_invalid]: reading `job.toml`: `grants.http[0].paths[0]`: found `streams`, expected a path as in a URL, which starts with `/` and has no `..`
    hint: change `grants.http[0].paths[0]`
    ");
    insta::assert_snapshot!(http(r#"to = "https://api.example", methods = ["GET"], paths = ["/a/../b"]"#), @r"
    error[manifest_invalid]: reading `job.toml`: `grants.http[0].paths[0]`: found `/a/../b`, expected a path as in a URL, which starts with `/` and has no `..`
    hint: change `grants.http[0].paths[0]`
    ");
    insta::assert_snapshot!(http(r#"to = "https://api.example", method = ["GET"]"#), @r"
    error[manifest_invalid]: reading `job.toml`: `grants.http[0].method`: unknown key, expected one of: to, methods, paths, optional
    hint: did you mean `methods`?
    ");
}

/// What `settings check` says of `[http]` with these lines.
fn checked(lines: &str) -> String {
    let host = TestHost::with_jobs(&[]);
    host.settings(&format!("[http]\n{lines}"));
    let said = host.mainworker(&["settings", "check"]).finish().exits(2).stderr();
    host.write("envelope.json", "{}");
    let run = host.run_written().finish().exits(2).stderr();
    assert_eq!(run, said);
    said
}

#[test]
fn settings_that_cannot_be_meant() {
    insta::assert_snapshot!(checked("alow = []"), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `http.alow`: unknown key, expected one of: allow, allow-private, ca-file
    hint: did you mean `allow`?
    ");
    insta::assert_snapshot!(checked("allow = \"https://api.example\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `http.allow`: expected an array, found a string
    hint: change `http.allow`
    ");
    insta::assert_snapshot!(checked("allow = [\"https://a.example\", \"api.example\"]"), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `http.allow[1]`: found `api.example`, expected an origin such as `https://api.example.com`: it does not begin with `https://` or `http://`
    hint: change `http.allow[1]`
    ");
    insta::assert_snapshot!(checked("allow = [\"https://api.example/\"]"), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `http.allow[0]`: found `https://api.example/`, expected an origin such as `https://api.example.com`: it has more than scheme, host and port
    hint: change `http.allow[0]`
    ");
    insta::assert_snapshot!(checked("allow = [\"https://*\"]"), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `http.allow[0]`: found `https://*`, expected an origin such as `https://api.example.com`: its host is no name of letters, digits, `-`, `_` and `.` (a name in other letters is written with `xn--`)
    hint: change `http.allow[0]`
    ");
    insta::assert_snapshot!(checked("allow-private = [\"localhost\"]"), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `http.allow-private[0]`: found `localhost`, expected an address such as `127.0.0.1`, or a range such as `10.0.0.0/8`
    hint: change `http.allow-private[0]`
    ");
    insta::assert_snapshot!(checked("allow-private = [\"10.0.0.0/33\"]"), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `http.allow-private[0]`: found `10.0.0.0/33`, expected an address such as `127.0.0.1`, or a range such as `10.0.0.0/8`
    hint: change `http.allow-private[0]`
    ");
    insta::assert_snapshot!(checked("allow-private = [\"127.1\"]"), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `http.allow-private[0]`: found `127.1`, expected an address such as `127.0.0.1`, or a range such as `10.0.0.0/8`
    hint: change `http.allow-private[0]`
    ");
}

#[test]
fn settings_of_the_network_are_shown() {
    let host = TestHost::with_jobs(&[]);
    host.settings("[http]\nallow = [\"https://API.example:443\", \"https://*.example\"]\nallow-private = [\"127.0.0.1\", \"10.0.0.0/8\"]\nca-file = \"ca.pem\"");
    let shown: Value =
        serde_json::from_str(host.mainworker(&["settings", "show"]).finish().exits(0).stdout()).unwrap();
    assert_eq!(
        shown["http"],
        json!({ "allow": ["https://api.example", "https://*.example"],
            "allow-private": ["127.0.0.1/32", "10.0.0.0/8"], "ca-file": "ca.pem" })
    );
}
