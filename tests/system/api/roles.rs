//! The table in `OPERATING.md` of who may ask for what: the API has the same rows, and keeps them.

use crate::host::TestHost;
use crate::http::Http;
use crate::jobs::workspace;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const ROLES: [&str; 5] = ["enqueue", "read", "operate", "deploy", "admin"];
const ADMIN: &str = "server.source = \"api\"\nserver.roles = [\"admin\"]";

/// What an endpoint needs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    AnyToken,
    OneOf(BTreeSet<String>),
}

/// By method and path.
type Table = BTreeMap<(String, String), Needs>;

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The table of the document. A path without a method has that of the one before it.
fn written() -> Table {
    let text = fs::read_to_string(workspace().join("host/server/OPERATING.md")).expect("it is there");
    let rows = text.lines().skip_while(|line| !line.starts_with("| endpoint | needs |")).skip(2);
    let mut table = Table::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [endpoints, needs, _] = cells.as_slice() else { panic!("`{row}` has not three cells") };
        let needs = match *needs {
            "nothing" => Needs::Nothing,
            "any token" => Needs::AnyToken,
            roles => Needs::OneOf(quoted(roles).map(str::to_owned).collect()),
        };
        if let Needs::OneOf(roles) = &needs {
            assert!(!roles.is_empty() && roles.iter().all(|role| ROLES.contains(&role.as_str())), "`{row}`");
        }
        let mut method = "";
        for endpoint in quoted(endpoints) {
            let path = match endpoint.split_once(' ') {
                Some((named, path)) => {
                    method = named;
                    path
                }
                None => endpoint,
            };
            let former = table.insert((method.to_owned(), path.to_owned()), needs.clone());
            assert!(former.is_none(), "`{method} {path}` stands twice");
        }
    }
    assert!(!table.is_empty(), "there is no table");
    table
}

/// The table of the API, as its description has it, which is made of the rows that the host goes by.
fn described(description: &Value) -> Table {
    let mut table = Table::new();
    for (path, operations) in description["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let said = operation["description"].as_str().unwrap_or_default();
            let needs = match said.rsplit_once("Needs the role ") {
                Some((_, roles)) => Needs::OneOf(quoted(roles).map(str::to_owned).collect()),
                None if operation["security"] == json!([]) => Needs::Nothing,
                None => Needs::AnyToken,
            };
            table.insert((method.to_uppercase(), path.clone()), needs);
        }
    }
    table
}

/// The path with a name that nothing has in place of each part.
fn target(path: &str) -> String {
    let named = |part: &str| if part.starts_with('{') { "nobody-0" } else { part }.to_owned();
    path.split('/').map(named).collect::<Vec<_>>().join("/")
}

#[test]
fn the_document_says_what_the_host_does() {
    let host = TestHost::new();
    let serving = host.serve(ADMIN);
    let nobody = serving.http().without_token();
    let described = described(&nobody.get("/openapi.json").is(200).json());
    let table = written();
    for (endpoint, needs) in &table {
        assert_eq!(Some(needs), described.get(endpoint), "{endpoint:?} of the document");
    }
    for endpoint in described.keys() {
        assert!(table.contains_key(endpoint), "{endpoint:?} is not in the document");
    }
    serving.stop();
}

#[test]
fn each_role_opens_what_the_document_says_and_nothing_else() {
    let host = TestHost::new();
    let serving = host.serve(ADMIN);
    let tokens = ROLES.map(|role| {
        let made = serving.http().post("/v1/tokens", &json!({ "source": "ci", "roles": [role] })).is(201);
        let token = made.json()["token"].as_str().expect("a token").to_owned();
        (role, Http::new(serving.address()).with_token(&token))
    });
    let nobody = serving.http().without_token();
    for ((method, path), needs) in written() {
        let target = target(&path);
        let status = nobody.ask_status(&method, &target);
        assert_eq!(status == 401, needs != Needs::Nothing, "{method} {path} without a token: {status}");
        for (role, http) in &tokens {
            let may = match &needs {
                Needs::Nothing | Needs::AnyToken => true,
                Needs::OneOf(roles) => roles.contains(*role),
            };
            let status = http.ask_status(&method, &target);
            // What comes through may still fail at what it asks for.
            assert_eq!(status != 403, may, "{method} {path} with `{role}`: {status}");
            assert_ne!(status, 401, "{method} {path} with `{role}`");
        }
    }
    serving.stop();
}
