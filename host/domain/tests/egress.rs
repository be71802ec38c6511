//! Which requests an attempt may send: grants of the manifest, values of their keys, and the settings' list.

use mainworker_domain::configuration::{Granted, GrantedValue};
use mainworker_domain::denial::{Denial, Remedy};
use mainworker_domain::egress::{Egress, EgressRefusal, secret_routes};
use mainworker_domain::manifest::{Manifest, Place};
use mainworker_domain::origin::{BaseUrl, Origin, OriginError, OriginPattern};

const HEAD: &str = r#"
[job]
name = "asker"
version = "0.1.0"
summary = "Asks"
[schedulable-by]
sources = ["api"]
[configuration]
"a.url" = { from = "host" }
"b.url" = {}
"a.token" = { secret = true, only-to = ["config:a.url", "https://*.auth.example"], in = ["header", "query"] }
"#;

/// A manifest with these grants, each the inside of a table.
fn manifest(grants: &[&str]) -> Manifest {
    let grants: Vec<String> = grants.iter().map(|grant| format!("{{ {grant} }}")).collect();
    let text = format!("{HEAD}[grants]\nhttp = [{}]", grants.join(", "));
    Manifest::parse_toml(&text).expect("the manifest is valid")
}

fn values(values: &[(&str, &str)]) -> Granted {
    let granted =
        |value: &str| GrantedValue { value: value.into(), secret: false, placeholder: false, of_host: false };
    values.iter().map(|(key, value)| ((*key).to_owned(), granted(value))).collect()
}

fn allow(origins: &[&str]) -> Vec<OriginPattern> {
    origins.iter().map(|origin| OriginPattern::parse(origin).expect("an origin")).collect()
}

fn egress(grants: &[&str], given: &[(&str, &str)], allowed: &[&str]) -> Result<Egress, EgressRefusal> {
    Egress::resolve(&manifest(grants), Some(&values(given)), &allow(allowed))
}

fn origin(url: &str) -> Origin {
    BaseUrl::parse(url).expect("a URL").origin
}

/// `allowed`, or which rule a request breaks.
fn verdict(egress: &Egress, method: &str, url: &str) -> &'static str {
    let base = BaseUrl::parse(url).expect("a URL");
    let path = url.splitn(4, '/').nth(3).map_or("/".to_owned(), |path| format!("/{path}"));
    match egress.check(method, &base.origin, &path) {
        Ok(()) => "allowed",
        Err(denial) => match *denial {
            Denial::Origin { .. } => "origin",
            Denial::Climbs { .. } => "climbs",
            Denial::Method { .. } => "method",
            Denial::Path { .. } => "path",
            Denial::Settings { .. } => "settings",
            _ => "another rule",
        },
    }
}

#[track_caller]
fn assert_verdicts(egress: &Egress, rows: &[(&str, &str, &str)]) {
    for (method, url, expected) in rows {
        assert_eq!(verdict(egress, method, url), *expected, "{method} {url}");
    }
}

#[test]
fn a_request_needs_origin_method_path_and_settings() {
    let grants =
        [r#"to = "https://api.example", methods = ["GET", "HEAD"], paths = ["/streams", "/plans/"]"#];
    let egress = egress(&grants, &[], &["https://api.example"]).unwrap();
    assert_verdicts(
        &egress,
        &[
            ("GET", "https://api.example/streams", "allowed"),
            ("HEAD", "https://API.example:443/streams/1", "allowed"),
            ("GET", "https://api.example/plans", "allowed"),
            ("GET", "https://api.example/plans/gold", "allowed"),
            ("GET", "https://api.example/streams-of-others", "path"),
            ("GET", "https://api.example/", "path"),
            ("GET", "https://api.example/Streams", "path"),
            ("POST", "https://api.example/streams", "method"),
            ("get", "https://api.example/streams", "method"),
            ("GET", "https://api.example/streams/%2e%2e/secrets", "climbs"),
            ("GET", "https://api.example/streams/..%2fsecrets", "climbs"),
            ("GET", "http://api.example/streams", "origin"),
            ("GET", "https://api.example:8443/streams", "origin"),
            ("GET", "https://www.api.example/streams", "origin"),
            ("GET", "https://api.example.evil/streams", "origin"),
        ],
    );
}

#[test]
fn without_paths_all_are_granted() {
    let egress =
        egress(&[r#"to = "https://api.example", methods = ["GET"]"#], &[], &["https://api.example"]).unwrap();
    assert_verdicts(
        &egress,
        &[
            ("GET", "https://api.example/", "allowed"),
            ("GET", "https://api.example/any/where", "allowed"),
            // A server that reads it differently would make the rules for others of its paths worthless.
            ("GET", "https://api.example/a/../b", "climbs"),
        ],
    );
}

#[test]
fn prefixes_count_from_the_path_of_a_base_url() {
    let grant = r#"to = "config:a.url", methods = ["GET"], paths = ["/streams"]"#;
    for base in ["https://api.example/v2", "https://api.example/v2/", "https://API.example:443/v2//"] {
        let egress = egress(&[grant], &[("a.url", base)], &["https://api.example"]).unwrap();
        assert_verdicts(
            &egress,
            &[
                ("GET", "https://api.example/v2/streams", "allowed"),
                ("GET", "https://api.example/v2/streams/1", "allowed"),
                ("GET", "https://api.example/streams", "path"),
                ("GET", "https://api.example/v2", "path"),
                ("GET", "https://api.example/v1/streams", "path"),
                ("GET", "https://api.example/v2/../streams", "climbs"),
            ],
        );
    }
    // Without prefixes the base is one.
    let all = r#"to = "config:a.url", methods = ["GET"]"#;
    let below = egress(&[all], &[("a.url", "https://api.example/v2")], &["https://api.example"]).unwrap();
    assert_verdicts(
        &below,
        &[("GET", "https://api.example/v2/any", "allowed"), ("GET", "https://api.example/v20", "path")],
    );
    let whole = egress(&[all], &[("a.url", "https://api.example/")], &["https://api.example"]).unwrap();
    assert_verdicts(&whole, &[("GET", "https://api.example/any", "allowed")]);
}

/// Methods and paths of one grant are not those of another for the same origin.
#[test]
fn grants_add_up_and_do_not_mix() {
    let grants = [
        r#"to = "https://api.example", methods = ["GET"], paths = ["/public"]"#,
        r#"to = "https://api.example", methods = ["POST"], paths = ["/orders"]"#,
        r#"to = "https://*.example", methods = ["DELETE"]"#,
        r#"to = "config:a.url", methods = ["PUT"], paths = ["/files"]"#,
    ];
    let given = [("a.url", "https://api.example/v1")];
    let egress = egress(&grants, &given, &["https://*.example"]).unwrap();
    assert_verdicts(
        &egress,
        &[
            ("GET", "https://api.example/public/1", "allowed"),
            ("POST", "https://api.example/orders", "allowed"),
            ("PUT", "https://api.example/v1/files", "allowed"),
            ("DELETE", "https://api.example/anything", "allowed"),
            ("DELETE", "https://www.example/anything", "allowed"),
            ("GET", "https://api.example/orders", "path"),
            ("POST", "https://api.example/public", "path"),
            ("PUT", "https://api.example/files", "path"),
            ("PATCH", "https://api.example/public", "method"),
            ("GET", "https://www.example/public", "method"),
            ("DELETE", "https://example/anything", "origin"),
        ],
    );
    // What is granted already is in the lines that would grant more.
    let denial = egress.check("PATCH", &origin("https://api.example"), "/public").unwrap_err();
    let Remedy::JobToml(lines) = denial.remedy() else { panic!("{denial}") };
    assert!(lines.ends_with(r#"methods = ["DELETE", "GET", "POST", "PUT", "PATCH"]"#), "{lines}");
}

#[test]
fn a_grant_wider_than_the_settings_is_cut_to_them() {
    let grant = r#"to = "https://*.example", methods = ["GET"]"#;
    let narrow = egress(&[grant], &[], &["https://api.example", "https://*.eu.example"]).unwrap();
    assert_verdicts(
        &narrow,
        &[
            ("GET", "https://api.example/", "allowed"),
            ("GET", "https://www.eu.example/", "allowed"),
            ("GET", "https://eu.example/", "settings"),
            ("GET", "https://www.example/", "settings"),
            ("GET", "https://example/", "origin"),
        ],
    );
    let wide =
        egress(&[r#"to = "https://api.example", methods = ["GET"]"#], &[], &["https://*.example"]).unwrap();
    assert_verdicts(
        &wide,
        &[("GET", "https://api.example/", "allowed"), ("GET", "https://www.example/", "origin")],
    );
}

#[test]
fn what_is_required_and_not_given_is_refused() {
    let refusal = |grants: &[&str], given: &[(&str, &str)], allowed: &[&str]| {
        egress(grants, given, allowed).unwrap_err()
    };
    let literal = r#"to = "https://api.example", methods = ["GET"]"#;
    let key = r#"to = "config:a.url", methods = ["GET"]"#;
    let not_allowed =
        |origin: &str| EgressRefusal::NotAllowed { job: "asker".to_owned(), origin: origin.to_owned() };
    for allowed in
        [&[][..], &["http://api.example"], &["https://api.example:444"], &["https://*.api.example"]]
    {
        assert_eq!(refusal(&[literal], &[], allowed), not_allowed("https://api.example"), "{allowed:?}");
    }
    assert_eq!(
        refusal(&[key], &[("a.url", "https://other.example/v1")], &["https://api.example"]),
        not_allowed("https://other.example")
    );
    assert_eq!(
        refusal(&[key], &[("b.url", "https://api.example")], &["https://api.example"]),
        EgressRefusal::Unset {
            job: "asker".to_owned(),
            key: "a.url".to_owned(),
            from: mainworker_domain::configuration::From::Host
        }
    );
    // The first that is refused, whatever comes after it.
    assert_eq!(refusal(&[literal, key], &[], &[]), not_allowed("https://api.example"));

    for (value, problem) in [
        ("api.example", OriginError::Scheme),
        ("HTTPS://api.example", OriginError::Scheme),
        (" https://api.example", OriginError::Scheme),
        ("https://u:p@api.example", OriginError::Userinfo),
        ("https://api.example/?x", OriginError::More),
        ("https://api.example#x", OriginError::More),
        ("https://api.example/a b", OriginError::More),
        ("https://api.example\n", OriginError::Characters),
        ("https://0x7f000001", OriginError::Number),
        ("https://api.example:99999", OriginError::Port),
        ("https://*.example", OriginError::Characters),
    ] {
        let expected =
            EgressRefusal::NotAnOrigin { job: "asker".to_owned(), key: "a.url".to_owned(), problem };
        let refused = refusal(&[key], &[("a.url", value)], &["https://api.example"]);
        assert_eq!(refused, expected, "{value}");
        assert!(!refused.to_string().contains(value), "{refused} shows the value");
    }
}

#[test]
fn what_is_optional_is_absent_unless_it_makes_no_sense() {
    let literal = r#"to = "https://api.example", methods = ["GET"], optional = true"#;
    let key = r#"to = "config:a.url", methods = ["GET"], optional = true"#;
    let absent = egress(&[literal, key], &[], &[]).unwrap();
    assert_eq!(absent.destinations(), Vec::<String>::new());
    // Granted by the job, so it is the settings that the denial names.
    assert_verdicts(&absent, &[("GET", "https://api.example/", "settings")]);
    let given = [("a.url", "https://api.example/v1")];
    let there = egress(&[key], &given, &["https://api.example"]).unwrap();
    assert_eq!(there.destinations(), ["https://api.example"]);
    assert_verdicts(&there, &[("GET", "https://api.example/v1", "allowed")]);
    let outside = egress(&[key], &given, &["https://www.example"]).unwrap();
    assert_verdicts(&outside, &[("GET", "https://api.example/v1", "settings")]);
    assert!(matches!(
        egress(&[key], &[("a.url", "typed wrongly")], &[]),
        Err(EgressRefusal::NotAnOrigin { problem: OriginError::Scheme, .. })
    ));
}

/// Whether a host could run a job is asked before there is a configuration.
#[test]
fn without_a_configuration_only_what_the_manifest_names_counts() {
    let manifest = manifest(&[
        r#"to = "config:a.url", methods = ["GET"]"#,
        r#"to = "https://api.example", methods = ["GET"]"#,
    ]);
    let egress = Egress::resolve(&manifest, None, &allow(&["https://*.example"])).unwrap();
    assert_eq!(egress.destinations(), ["https://api.example"]);
    assert!(Egress::resolve(&manifest, None, &[]).is_err());
}

#[test]
fn a_job_without_grants_may_send_nothing() {
    let egress = Egress::resolve(
        &Manifest::parse_toml(HEAD).unwrap(),
        Some(&Granted::new()),
        &allow(&["https://api.example"]),
    );
    assert_verdicts(&egress.unwrap(), &[("GET", "https://api.example/", "origin")]);
}

#[test]
fn a_secret_goes_where_its_key_leads_in_this_attempt() {
    let manifest = Manifest::parse_toml(HEAD).unwrap();
    let goes = |given: &[(&str, &str)], url: &str| {
        let routes = secret_routes(&manifest, &values(given));
        assert_eq!((routes.len(), routes[0].key.as_str()), (1, "a.token"));
        assert_eq!(routes[0].places, [Place::Header, Place::Query]);
        routes[0].only_to.iter().any(|pattern| pattern.matches(&origin(url)))
    };
    let given = [("a.url", "https://api.example/v1"), ("b.url", "https://b.example")];
    for (given, url, expected) in [
        (&given[..], "https://api.example", true),
        (&given, "https://eu.auth.example", true),
        (&given, "https://auth.example", false),
        (&given, "https://b.example", false),
        (&given, "http://api.example", false),
        (&given, "https://api.example:8443", false),
        // A key that leads nowhere takes no secret along.
        (&[], "https://api.example", false),
        (&[("a.url", "https://me@api.example")], "https://api.example", false),
        (&[], "https://eu.auth.example", true),
    ] {
        assert_eq!(goes(given, url), expected, "{url} with {given:?}");
    }
}
