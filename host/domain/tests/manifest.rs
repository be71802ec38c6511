//! What a manifest may say, and what its errors say.

use mainworker_domain::limits::Limit;
use mainworker_domain::manifest::{Access, Manifest, RevisionChoice};
use mainworker_domain::rate::RateLimit;

const FULL: &str = r#"
[job]
name = "edge-logs"
version = "0.1.0"
summary = "Adds up the bytes served per account from edge server logs"
owner = "billing"
runbook = "https://wiki.example/edge-logs"

[schedulable-by]
sources = ["dashboard", "scheduler", "job:account-bandwidth"]

[configuration]
"accounts.url" = { required = false, from = "host" }
"accounts.token" = { required = false, from = "host", secret = true, only-to = ["config:accounts.url"], in = ["header"] }

[grants]
files = [{ mount = "edge-logs", access = "read" }, { mount = "reports", access = "read-write", optional = true }]
http = [{ to = "config:accounts.url", methods = ["GET"], paths = ["/streams"], optional = true }]
schedule = ["send-email"]

[limits]
memory = "64MiB"
cpu = "10m"
wall = "15m"

[retry]
max-attempts = 5
base = "10s"
cap = "1h"

[run]
max-concurrency = 4
concurrency-key = "/files/0"
max-concurrency-per-key = 2
rate-limit = { tasks = 600, per = "1m" }
revision = "pinned"
"#;

#[test]
fn a_full_manifest_reads_and_prints_back_equal() {
    let manifest = Manifest::parse_toml(FULL).unwrap();
    assert_eq!(manifest.job.name.as_str(), "edge-logs");
    assert_eq!(manifest.grants.files[1].access, Access::ReadWrite);
    assert!(manifest.grants.files[1].optional);
    assert_eq!(manifest.limits.get(Limit::Wall), Some(900_000));
    assert_eq!(manifest.run.revision, RevisionChoice::Pinned);
    assert_eq!(manifest.run.rate_limit, RateLimit::new(600, 60_000));
    let key = manifest.run.concurrency_key.as_ref().unwrap();
    assert_eq!((key.pointer.as_str(), key.running_max), ("/files/0", 2));
    assert_eq!(Manifest::parse_toml(&manifest.to_toml()).unwrap(), manifest);
    assert_eq!(Manifest::from_json(&manifest.to_json()).unwrap(), manifest);
}

#[test]
fn each_mistake_is_named_with_its_place() {
    let rows: [(&str, &str, &str); 35] = [
        ("summary =", "sumary =", "`job.sumary`: unknown key"),
        ("name = \"edge-logs\"", "name = \"Edge\"", "`job.name`: found `Edge`, expected 1 to 63"),
        ("version = \"0.1.0\"", "version = \"1\"", "`job.version`: found `1`, expected a version"),
        ("[schedulable-by]", "[scheduleable-by]", "`scheduleable-by`: unknown key"),
        (
            "[\"dashboard\", \"scheduler\", \"job:account-bandwidth\"]",
            "[]",
            "`schedulable-by.sources`: found `0 sources`",
        ),
        (
            "\"dashboard\", \"scheduler\"",
            "\"Dashboard\", \"x\"",
            "`schedulable-by.sources[0]`: found `Dashboard`",
        ),
        ("from = \"host\" }", "from = \"hots\" }", "`configuration.\"accounts.url\".from`: found `hots`"),
        ("secret = true, ", "", "`configuration.\"accounts.token\".secret`: found `false`"),
        (", in = [\"header\"]", "", "`configuration.\"accounts.token\".in`: missing"),
        ("access = \"read\"", "access = \"write\"", "`grants.files[0].access`: found `write`"),
        ("mount = \"reports\"", "mount = \"../reports\"", "`grants.files[1].mount`: found `../reports`"),
        ("methods = [\"GET\"]", "methods = []", "`grants.http[0].methods`: found `no methods`"),
        ("to = \"config:accounts.url\"", "to = \"ftp://x\"", "`grants.http[0].to`: found `ftp://x`"),
        (
            "to = \"config:accounts.url\"",
            "to = \"config:accounts.uri\"",
            "`grants.http[0].to`: found `config:accounts.uri`, expected a key under `[configuration]` that is no secret",
        ),
        (
            "to = \"config:accounts.url\"",
            "to = \"config:accounts.token\"",
            "`grants.http[0].to`: found `config:accounts.token`",
        ),
        (
            "only-to = [\"config:accounts.url\"]",
            "only-to = [\"config:accounts.uri\"]",
            "`configuration.\"accounts.token\".only-to[0]`: found `config:accounts.uri`, expected a key under `[configuration]` with `from = \"host\"`",
        ),
        (
            "{ required = false, from = \"host\" }",
            "{ required = false }",
            "`configuration.\"accounts.token\".only-to[0]`: found `config:accounts.url`",
        ),
        (
            "{ required = false, from = \"host\" }",
            "{ from = \"host\", secret = true }",
            "`grants.http[0].to`: found `config:accounts.url`",
        ),
        (
            "only-to = [\"config:accounts.url\"]",
            "only-to = [\"accounts.example\"]",
            "`configuration.\"accounts.token\".only-to[0]`: found `accounts.example`, expected an origin",
        ),
        (
            "in = [\"header\"]",
            "in = [\"path\"]",
            "`configuration.\"accounts.token\".in[0]`: found `path`, expected `header`, `query` or `body`",
        ),
        ("memory = \"64MiB\"", "memory = \"64MB\"", "`limits.memory`: found `64MB`, expected a size"),
        ("cpu = \"10m\"", "cpu = \"20m\"", "`limits.cpu`: found `20m`, expected no more than `wall`"),
        ("base = \"10s\"", "base = \"2h\"", "`retry.base`: found `2h`, expected at most `cap`"),
        ("max-concurrency = 4", "max-concurrency = 0", "`run.max-concurrency`: found `0`"),
        ("max-concurrency = 4", "max-concurency = 4", "`run.max-concurency`: unknown key"),
        (
            "max-concurrency = 4",
            "max-concurrency = 1",
            "`run.max-concurrency-per-key`: found `2`, expected at most `max-concurrency`, 1",
        ),
        ("per-key = 2", "per-key = 0", "`run.max-concurrency-per-key`: found `0`, expected 1 to"),
        ("concurrency-key = \"/files/0\"\n", "", "`run.concurrency-key`: missing"),
        (
            "\"/files/0\"",
            "\"files\"",
            "`run.concurrency-key`: found `files`, expected a JSON pointer into the payload such as `/account`",
        ),
        ("\"/files/0\"", "\"/a~2\"", "`run.concurrency-key`: found `/a~2`, expected a JSON pointer"),
        ("\"/files/0\"", "7", "`run.concurrency-key`: expected a string, found a number"),
        ("rate-limit", "rate-limt", "`run.rate-limt`: unknown key"),
        ("tasks = 600", "tasks = 0", "`run.rate-limit.tasks`: found `0`, expected 1 to 1000000"),
        (
            "tasks = 600",
            "tasks = 600, burst = 5",
            "`run.rate-limit.burst`: unknown key, expected one of: tasks, per",
        ),
        ("per = \"1m\"", "per = \"0s\"", "`run.rate-limit.per`: found `0s`, expected `1s` to `24h`"),
    ];
    for (from, to, expected) in rows {
        assert!(FULL.contains(from), "{from} is not in the manifest");
        let error = Manifest::parse_toml(&FULL.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{to}: {error}");
    }
}

#[test]
fn a_pointer_has_a_length_and_one_attempt_of_a_key_runs_unless_it_is_said() {
    let with = |pointer: &str| {
        let text = FULL.replacen("max-concurrency-per-key = 2\n", "", 1);
        Manifest::parse_toml(&text.replacen("/files/0", pointer, 1)).map(|manifest| manifest.run)
    };
    let longest = format!("/{}", "ä".repeat(199));
    assert_eq!(with(&longest).unwrap().concurrency_key.unwrap().running_max, 1);
    assert_eq!(with("").unwrap().concurrency_key.unwrap().pointer.as_str(), "");
    let error = with(&format!("{longest}/")).unwrap_err().to_string();
    assert!(error.ends_with("of at most 200 characters"), "{error}");
}

#[test]
fn broken_toml_is_named_by_place_without_its_text() {
    let error = Manifest::parse_toml("[job]\nname = canary-1 \"x\n").unwrap_err().to_string();
    assert!(error.starts_with("line 2, column "), "{error}");
    assert!(!error.contains("canary"), "{error}");
}

#[test]
fn nobody_may_schedule_by_default() {
    let text = "[job]\nname=\"x\"\nversion=\"1.0.0\"\nsummary=\"x\"\n";
    assert_eq!(Manifest::parse_toml(text).unwrap_err().to_string(), "`schedulable-by`: missing");
}

/// A manifest that somebody copies out of a page has to be one.
#[test]
fn the_manifests_that_the_pages_show_are_manifests() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for page in ["README.md", "guest-sdk/README.md", "guest-sdk/MANIFEST.md"] {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let blocks = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let manifests: Vec<&str> = blocks.filter(|block| block.contains("[job]")).collect();
        assert!(!manifests.is_empty(), "{page} shows no manifest");
        for manifest in manifests {
            Manifest::parse_toml(manifest).unwrap_or_else(|error| panic!("{page}: {error}\n{manifest}"));
        }
    }
}
