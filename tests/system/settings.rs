//! `mainworker.toml`: what is refused, for exit 2, what `settings check` opens and what `settings show` hides.

use crate::host::{CANARY, TestHost, envelope};
use serde_json::{Value, json};
use std::fs;

/// What is said of settings with this text after a first line that is good.
#[track_caller]
fn refused(text: &str) -> String {
    refused_there(TestHost::with_jobs(&[]).settings(text))
}

/// What is said of the settings of a host, by every command that reads them.
#[track_caller]
fn refused_there(host: &TestHost) -> String {
    host.write("envelope.json", envelope("echo", "api", json!({})).to_string());
    let before = host.files();
    let printed = host.mainworker(&["settings", "check"]).finish().exits(2);
    assert_eq!(printed.stdout(), "");
    for args in [
        &["settings", "show"][..],
        &["run", "envelope.json"],
        &["run", "envelope.json", "--json"],
        &["jobs"],
        &["jobs", "show", "echo"],
    ] {
        let other = host.mainworker(args).finish().exits(2);
        assert_eq!((other.stdout(), other.stderr()), ("", printed.stderr()), "{args:?}");
    }
    assert_eq!(host.files(), before, "something was written");
    printed.stderr()
}

#[test]
fn a_mistyped_key_finds_its_original() {
    insta::assert_snapshot!(refused("[modules]\ndri = \"modules\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `modules.dri`: unknown key, expected one of: dir
    hint: did you mean `dir`?
    ");
    insta::assert_snapshot!(refused("[mdules]\ndir = \"modules\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `mdules`: unknown key, expected one of: modules, trust, registries, files, http, configuration, limits, server, sources, queue, retention, notify
    hint: did you mean `modules`?
    ");
    insta::assert_snapshot!(refused("[files.logs]\npath = \".\"\nacces = \"read\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `files.logs.acces`: unknown key, expected one of: path, access
    hint: did you mean `access`?
    ");
    // Where values belong under another table, their text is not shown.
    insta::assert_snapshot!(refused(&format!("[configuration]\n\"accounts.token\" = \"{CANARY}\"")), @r#"
    error[settings_invalid]: reading the settings `mainworker.toml`: `configuration."accounts.token"`: unknown key, expected one of: env-prefix, files-dir, values
    hint: the value of a configuration key goes under `[configuration.values]`: `"accounts.token" = …`
    "#);
}

#[test]
fn rates_that_cannot_be_meant() {
    insta::assert_snapshot!(refused("[sources.api]\nrate-limit = { tasks = 0, per = \"1m\" }"), @"
    error[settings_invalid]: reading the settings `mainworker.toml`: `sources.api.rate-limit.tasks`: found `0`, expected 1 to 1000000
    hint: change `sources.api.rate-limit.tasks`
    ");
    insta::assert_snapshot!(refused("[sources.api]\nrate-limit = { tasks = 1, per = \"0s\" }"), @"
    error[settings_invalid]: reading the settings `mainworker.toml`: `sources.api.rate-limit.per`: found `0s`, expected `1s` to `24h`
    hint: change `sources.api.rate-limit.per`
    ");
    insta::assert_snapshot!(refused("[sources.api]\nrate-limt = { tasks = 1, per = \"1m\" }"), @"
    error[settings_invalid]: reading the settings `mainworker.toml`: `sources.api.rate-limt`: unknown key, expected one of: rate-limit
    hint: did you mean `rate-limit`?
    ");
    insta::assert_snapshot!(refused("[sources.api]\nrate-limit = { task = 1, per = \"1m\" }"), @"
    error[settings_invalid]: reading the settings `mainworker.toml`: `sources.api.rate-limit.task`: unknown key, expected one of: tasks, per
    hint: did you mean `tasks`?
    ");
    insta::assert_snapshot!(refused("[sources.api]"), @"
    error[settings_invalid]: reading the settings `mainworker.toml`: `sources.api.rate-limit`: missing
    hint: add `sources.api.rate-limit`
    ");
    insta::assert_snapshot!(refused("[sources.scheduler]\nrate-limit = { tasks = 1, per = \"1m\" }"), @"
    error[settings_invalid]: reading the settings `mainworker.toml`: `sources.scheduler`: found `scheduler`, expected whom a token can stand for, or a job as `job:NAME`: what falls due is not limited
    hint: change `sources.scheduler`
    ");
    for name in ["Api", "\"job:\"", "\"job:Echo\"", "operator", "\"\""] {
        let said = refused(&format!("[sources.{name}]\nrate-limit = {{ tasks = 1, per = \"1m\" }}"));
        assert!(said.contains("`, expected "), "{said}");
    }
    let host = TestHost::with_jobs(&[]);
    host.settings("[sources.\"job:echo\"]\nrate-limit = { tasks = 90, per = \"1h 30m\" }");
    let printed = host.mainworker(&["settings", "show"]).finish().exits(0);
    let shown: Value = serde_json::from_str(printed.stdout()).unwrap();
    assert_eq!(shown["sources"], json!({ "job:echo": { "rate-limit": { "tasks": 90, "per": "1h 30m" } } }));
}

#[test]
fn unknown_limits() {
    insta::assert_snapshot!(refused("[limits]\nmemroy = \"64MiB\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `limits.memroy`: unknown key, expected one of: wall, cpu, memory, table-elements, instances, resource-handles, host-call, random, output, log, log-lines, progress, free-space, http-calls, http-request, http-response, http-url, http-headers, scheduled-tasks
    hint: did you mean `memory`?
    ");
    insta::assert_snapshot!(refused("[limits]\nhttp-cals = 100"), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `limits.http-cals`: unknown key, expected one of: wall, cpu, memory, table-elements, instances, resource-handles, host-call, random, output, log, log-lines, progress, free-space, http-calls, http-request, http-response, http-url, http-headers, scheduled-tasks
    hint: did you mean `http-calls`?
    ");
}

#[test]
fn values_that_cannot_be_meant() {
    insta::assert_snapshot!(refused("[limits]\nmemory = 64"), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `limits.memory`: expected a string, found a number
    hint: change `limits.memory`
    ");
    insta::assert_snapshot!(refused("[limits]\nmemory = \"64MB\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `limits.memory`: found `64MB`, expected a size such as `64MiB` (B, KiB, MiB or GiB)
    hint: change `limits.memory`
    ");
    insta::assert_snapshot!(refused("[limits]\nmemory = \"5GiB\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `limits.memory`: found `5GiB`, expected at most `4GiB`
    hint: change `limits.memory`
    ");
    insta::assert_snapshot!(refused("[limits]\nwall = \"10\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `limits.wall`: found `10`, expected a duration such as `250ms`, `10s`, `15m` or `1h 30m`
    hint: change `limits.wall`
    ");
    insta::assert_snapshot!(refused("[files.Logs]\npath = \".\"\naccess = \"read\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `files.Logs`: found `Logs`, expected a name of 1 to 63 of a-z, 0-9 and `-`, starting with a letter
    hint: change `files.Logs`
    ");
    insta::assert_snapshot!(refused("[files.logs]\npath = \".\"\naccess = \"write\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `files.logs.access`: found `write`, expected `read` or `read-write`
    hint: change `files.logs.access`
    ");
    insta::assert_snapshot!(refused("[files.logs]\naccess = \"read\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `files.logs.path`: missing
    hint: add `files.logs.path`
    ");
    insta::assert_snapshot!(refused("[configuration]\nenv-prefix = \"M\""), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `configuration.env-prefix`: found `M`, expected at least two of A-Z, 0-9 and `_`, such as `MW_`
    hint: change `configuration.env-prefix`
    ");
    insta::assert_snapshot!(refused(&format!("[configuration]\nvalues = \"{CANARY}\"")), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: `configuration.values`: expected a table, found a string
    hint: change `configuration.values`
    ");
    refused("[configuration]\nenv-prefix = \"\"");
    refused("[configuration]\nenv-prefix = \"mw_\"");
}

#[test]
fn toml_that_cannot_be_read_shows_the_place_and_no_secret() {
    let said = |text: &str| refused_there(TestHost::with_jobs(&[]).write("mainworker.toml", text));
    insta::assert_snapshot!(said(&format!("[server]\ntoken = {CANARY}\n")), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: line 2, column 9: string values must be quoted, expected literal string
    hint: mend the TOML at that place
    ");
    insta::assert_snapshot!(said(&format!("[server]\ntoken = \"{CANARY}\n")), @r#"
    error[settings_invalid]: reading the settings `mainworker.toml`: line 2, column 27: invalid basic string, expected `"`
    hint: mend the TOML at that place
    "#);
    insta::assert_snapshot!(said(&format!("[server]\ntoken = \"a\"\ntoken = \"{CANARY}\"\n")), @r"
    error[settings_invalid]: reading the settings `mainworker.toml`: line 3, column 1: duplicate key
    hint: mend the TOML at that place
    ");
    for line in [
        format!("token = \"\" {CANARY}"),
        CANARY.to_owned(),
        format!("token {CANARY}"),
        format!("token: \"{CANARY}\""),
        format!("token = '{CANARY}"),
        format!("token = \"\"\"{CANARY}"),
        format!("token = \"\\{CANARY}\""),
        format!("token = \"{CANARY}\u{1}\""),
        format!("token = {{ {CANARY} }}"),
        format!("token = [{CANARY}]"),
        format!("token = 12{CANARY}"),
        format!("token = 2025-{CANARY}"),
        format!("[{CANARY}"),
    ] {
        let said = said(&format!("[server]\n{line}\n"));
        assert!(said.starts_with("error[settings_invalid]") && said.contains(": line "), "{line}: {said}");
    }
}

#[test]
fn a_file_that_cannot_be_read() {
    let host = TestHost::with_jobs(&[]);
    let said =
        |name: &str| host.mainworker(&["settings", "check", "--settings", name]).finish().exits(2).stderr();
    insta::assert_snapshot!(said("nowhere.toml"), @r"
    error[settings_unreadable]: reading the settings `nowhere.toml`: No such file or directory (os error 2)
    hint: name another file with `--settings FILE`
    ");
    host.folder("folder.toml").write("bytes.toml", b"a = \"\xff\"").write("long.toml", " ".repeat(2 << 20));
    insta::assert_snapshot!(said("folder.toml"), @r"
    error[settings_unreadable]: reading the settings `folder.toml`: found something else, expected a file
    hint: name another file with `--settings FILE`
    ");
    insta::assert_snapshot!(said("bytes.toml"), @r"
    error[settings_unreadable]: reading the settings `bytes.toml`: it is not UTF-8 text
    hint: name another file with `--settings FILE`
    ");
    assert!(said("long.toml").contains("it has 2097152 bytes, expected at most 1048576"));
}

#[test]
fn relative_paths_start_at_the_file() {
    let host = TestHost::with_jobs(&[]);
    let there = TestHost::new();
    fs::create_dir(there.path("logs")).unwrap();
    there.settings("server.source = \"api\"\n[modules]\ndir = \"modules\"\n[files.logs]\npath = \"logs\"\naccess = \"read\"");
    let file = there.path("mainworker.toml");
    let file = file.to_str().unwrap();
    host.mainworker(&["settings", "check", "--settings", file]).finish().exits(0);
    let listed = host.mainworker(&["jobs", "--json", "--settings", file]).finish().exits(0).json();
    assert_eq!(listed[0]["name"], json!("echo"));
    // The flag goes before the settings.
    host.folder("empty");
    let listed = host
        .mainworker(&["jobs", "--json", "--settings", file, "--modules", "empty"])
        .finish()
        .exits(0)
        .json();
    assert_eq!(listed, json!([]));
}

#[test]
fn check_opens_all_that_is_named() {
    let host = TestHost::with_jobs(&[]);
    let check = || host.mainworker(&["settings", "check"]).finish();
    assert_eq!(
        check().exits(0).stdout(),
        "no settings file; everything is at its default: can be used, 0 mounts\n"
    );
    host.settings("server.source = \"api\"\n[files.logs]\npath = \"logs\"\naccess = \"read\"");
    insta::assert_snapshot!(check().exits(2).stderr(), @r"
    error[settings_unusable]: `[files.logs] path`, `logs`: No such file or directory (os error 2)
    hint: mend the path, or the permissions there
    ");
    host.write("logs", "a file");
    insta::assert_snapshot!(check().exits(2).stderr(), @r"
    error[settings_unusable]: `[files.logs] path`, `logs`: Not a directory (os error 20)
    hint: mend the path, or the permissions there
    ");
    host.settings("server.source = \"api\"\n[modules]\ndir = \"nowhere\"");
    insta::assert_snapshot!(check().exits(2).stderr(), @r"
    error[settings_unusable]: the modules folder, `nowhere`: No such file or directory (os error 2)
    hint: mend the path, or the permissions there
    ");
    host.settings("server.source = \"api\"\n[configuration]\nfiles-dir = \"nowhere\"");
    insta::assert_snapshot!(check().exits(2).stderr(), @r"
    error[settings_unusable]: `[configuration] files-dir`, `nowhere`: No such file or directory (os error 2)
    hint: mend the path, or the permissions there
    ");
    host.settings("server.source = \"api\"\n[modules]\ndir = \"modules\"");
    assert_eq!(check().exits(0).stdout(), "`mainworker.toml`: can be used, 0 mounts\n");
}

#[test]
fn show_hides_values_and_the_token() {
    let host = TestHost::with_jobs(&[]);
    host.settings(&format!(
        "[configuration.values]\nplain = \"visible?\"\ncount = 7\n\"a.b\" = \"{CANARY}\"\n[configuration.values.accounts]\ntoken = [\"{CANARY}\"]\n[limits]\nmemory = \"32MiB\"",
    ));
    let printed = host.mainworker(&["settings", "show"]).finish().exits(0);
    let shown: serde_json::Value = serde_json::from_str(printed.stdout()).unwrap();
    let hidden = json!({ "plain": "***", "count": "***", "a.b": "***", "accounts": { "token": "***" } });
    assert_eq!(shown["configuration"]["values"], hidden);
    assert_eq!(shown["server"]["token"], json!("***"));
    assert_eq!(
        (&shown["limits"]["memory"], &shown["limits"]["free-space"]),
        (&json!("32MiB"), &json!("64MiB"))
    );
    assert!(!printed.stdout().contains("visible?"));
}
