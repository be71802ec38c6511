//! Which requests a new revision may send that the old one could not, with the rule that is asked then as the measure.

use crate::{http, job, widened};
use mainworker_domain::capability::Difference;
use mainworker_domain::configuration::{Granted, GrantedValue};
use mainworker_domain::egress::Egress;
use mainworker_domain::manifest::Manifest;
use mainworker_domain::origin::{BaseUrl, OriginPattern};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn requests_are_covered_by_wider_grants() {
    let grant =
        |to: &str, methods: &[&str], paths: &[&str]| json!({ "to": to, "methods": methods, "paths": paths });
    for (old, new, expected) in [
        (grant("https://*.x.com", &["GET"], &[]), grant("https://a.x.com:443", &["GET"], &["/a"]), &[][..]),
        (
            grant("https://a.x.com", &["GET"], &["/a"]),
            grant("https://a.x.com", &["GET"], &["/a/", "/a/b"]),
            &[],
        ),
        (grant("https://a.x.com", &["GET"], &[]), grant("https://a.x.com", &["GET"], &["/"]), &[]),
        (grant("config:k.url", &["GET", "PUT"], &[]), grant("config:k.url", &["PUT"], &["/a"]), &[]),
        (
            grant("https://a.x.com", &["GET"], &["/a"]),
            grant("https://*.x.com", &["GET"], &["/a"]),
            &["http:GET:https://*.x.com/a"],
        ),
        (
            grant("https://*.x.com", &["GET"], &[]),
            grant("https://x.com", &["GET"], &[]),
            &["http:GET:https://x.com"],
        ),
        (
            grant("https://a.x.com", &["GET"], &["/a"]),
            grant("https://a.x.com", &["GET", "POST"], &["/a", "/ab"]),
            &["http:GET:https://a.x.com/ab", "http:POST:https://a.x.com/a", "http:POST:https://a.x.com/ab"],
        ),
        (
            grant("https://a.x.com", &["GET"], &["/a"]),
            grant("https://a.x.com", &["GET"], &[]),
            &["http:GET:https://a.x.com"],
        ),
        (
            grant("https://*.x.com", &["GET"], &[]),
            grant("http://a.x.com:8080", &["GET"], &[]),
            &["http:GET:http://a.x.com:8080"],
        ),
        (
            grant("config:k.url", &["GET"], &[]),
            grant("config:l.url", &["GET"], &[]),
            &["http:GET:config:l.url"],
        ),
        (
            grant("https://*.x.com", &["GET"], &[]),
            grant("config:k.url", &["GET"], &["/a"]),
            &["http:GET:config:k.url/a"],
        ),
    ] {
        assert_eq!(widened(http(json!([old])), http(json!([new]))), expected, "{old} {new}");
    }
}

#[test]
fn methods_and_paths_of_two_grants_do_not_mix() {
    let old = json!([
        { "to": "https://a.x.com", "methods": ["GET"], "paths": ["/a"] },
        { "to": "https://a.x.com", "methods": ["POST"], "paths": ["/b"] },
    ]);
    let new = json!([{ "to": "https://a.x.com", "methods": ["GET", "POST"], "paths": ["/a", "/b"] }]);
    assert_eq!(widened(http(old), http(new)), ["http:GET:https://a.x.com/b", "http:POST:https://a.x.com/a"]);
}

#[test]
fn more_requests_than_anybody_reads_are_no_manifest() {
    let many: Vec<String> = (0..64).map(|number| format!("/{number}")).collect();
    let methods: Vec<String> = ('A'..='P').map(String::from).collect();
    let grants = |paths: &[String]| {
        let manifest = json!({
            "job": { "name": "sums", "version": "1.0.0", "summary": "Adds numbers" },
            "schedulable-by": { "sources": ["api"] },
            "grants": { "http": [{ "to": "https://a.x.com", "methods": methods, "paths": paths }] },
        });
        Manifest::from_json(&manifest)
    };
    assert!(grants(&many[..62]).is_ok());
    assert_eq!(
        grants(&many).unwrap_err().to_string(),
        "`grants.http`: found `1024 pairs of a method and a path prefix`, expected at most 1000"
    );
}

fn http_grants() -> impl Strategy<Value = Value> {
    let to = prop::sample::select(vec![
        "https://a.x.com",
        "https://*.x.com",
        "https://b.a.x.com",
        "https://*.a.x.com",
        "https://x.com",
        "http://a.x.com",
        "https://a.x.com:8443",
        "http://[::1]:8080",
        "config:k.url",
        "config:l.url",
    ]);
    let methods = prop::sample::subsequence(vec!["GET", "POST", "PUT"], 1..=2);
    let paths = vec!["/", "//", "/a", "/a/", "/a//", "/ab", "/a/b", "/a/b/c", "/b"];
    let paths = prop::sample::subsequence(paths, 0..=3);
    let grant = (to, methods, paths, any::<bool>()).prop_map(|(to, methods, paths, optional)| {
        json!({ "to": to, "methods": methods, "paths": paths, "optional": optional })
    });
    prop::collection::vec(grant, 0..4).prop_map(Value::from)
}

/// Requests of every kind that the grants tell apart; `zz` is a name that no grant has.
fn requests() -> Vec<(&'static str, String, &'static str)> {
    let origins = [
        "https://a.x.com",
        "https://b.a.x.com",
        "https://zz.a.x.com",
        "https://zz.x.com",
        "https://zz.b.a.x.com",
        "https://x.com",
        "http://a.x.com",
        "https://a.x.com:8443",
        "http://[::1]:8080",
        "https://k.example",
        "https://l.example",
    ];
    let paths = [
        "/", "//", "/a", "/a/", "/a//", "/a/b", "/a/b/", "/a/b/c", "/a/b/c/d", "/ab", "/b", "/b/a", "/z",
        "/a/../b",
    ];
    let mut requests = Vec::new();
    for method in ["GET", "POST", "PUT"] {
        for origin in origins {
            requests.extend(paths.map(|path| (method, origin.to_owned(), path)));
        }
    }
    requests
}

/// The rules of an attempt, on a host that allows everything that is asked for here.
fn egress(grants: &Value, k: &str, l: &str) -> Egress {
    let value =
        |url: &str| GrantedValue { value: url.into(), secret: false, placeholder: false, of_host: true };
    let granted: Granted = [("k.url".to_owned(), value(k)), ("l.url".to_owned(), value(l))].into();
    let everything = requests().into_iter().map(|(_, origin, _)| OriginPattern::parse(&origin).unwrap());
    let wide = ["https://*.x.com", "https://*.a.x.com"].map(|pattern| OriginPattern::parse(pattern).unwrap());
    let allow: Vec<OriginPattern> = everything.chain(wide).collect();
    Egress::resolve(&job(http(grants.clone())).manifest, Some(&granted), &allow).unwrap()
}

/// Requests that `new` allows and `old` denies.
fn newly_allowed(old: &Egress, new: &Egress) -> Vec<(&'static str, String, &'static str)> {
    let allows = |egress: &Egress, method: &str, origin: &str, path: &str| {
        egress.check(method, &BaseUrl::parse(origin).unwrap().origin, path).is_ok()
    };
    let mut requests = requests();
    requests.retain(|(method, origin, path)| {
        allows(new, method, origin, path) && !allows(old, method, origin, path)
    });
    requests
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The rule that is asked when a job sends a request is the measure.
    #[test]
    fn a_request_that_only_the_new_one_may_send_is_a_widening(
        old in http_grants(),
        new in http_grants(),
        k in prop::sample::select(vec!["https://a.x.com", "https://a.x.com/a", "https://zz.x.com/a/b/", "https://k.example/"]),
        l in prop::sample::select(vec!["https://a.x.com/a", "https://l.example"]),
    ) {
        let difference = Difference::between(Some(&job(http(old.clone()))), &job(http(new.clone())));
        for (method, origin, path) in newly_allowed(&egress(&old, k, l), &egress(&new, k, l)) {
            let of_method = format!("http:{method}:");
            prop_assert!(
                difference.widenings.iter().any(|widening| widening.name.starts_with(&of_method)),
                "{} {}{} is not told of {:?}", method, origin, path, difference
            );
        }
    }

    /// And none is told of which nothing comes.
    #[test]
    fn each_widening_by_requests_allows_one_that_was_denied(old in http_grants(), new in http_grants()) {
        let difference = Difference::between(Some(&job(http(old.clone()))), &job(http(new.clone())));
        let (k, l) = ("https://k.example", "https://l.example");
        let allowed = newly_allowed(&egress(&old, k, l), &egress(&new, k, l));
        for widening in &difference.widenings {
            let method = widening.name.split(':').nth(1).unwrap();
            prop_assert!(allowed.iter().any(|(allowed, ..)| *allowed == method), "{} of {:?}", widening.name, allowed);
            // On its own it is one as well: none hides behind another.
            let rest = widening.name.split_once(':').unwrap().1.split_once(':').unwrap().1;
            let is_key = rest.starts_with("config:");
            let slash = if is_key { rest.find('/') } else { rest[8..].find('/').map(|at| at + 8) };
            let (to, path) = rest.split_at(slash.unwrap_or(rest.len()));
            let paths: Vec<&str> = if path.is_empty() { vec![] } else { vec![path] };
            let alone = json!([{ "to": to, "methods": [method], "paths": paths, "optional": true }]);
            prop_assert!(
                !newly_allowed(&egress(&old, k, l), &egress(&alone, k, l)).is_empty(),
                "{} of {} and {}", widening.name, old, new
            );
        }
    }
}
