//! Adding a member to a workspace without touching anything else in its `Cargo.toml`.

use super::problem::NewProblem;
use serde::Deserialize;
use toml::{Spanned, Table, Value};

#[derive(Deserialize)]
struct Root {
    workspace: Members,
}

#[derive(Deserialize)]
struct Members {
    members: Spanned<Vec<Spanned<String>>>,
}

/// The text of the manifest with `member` among the members, before the first that sorts behind it; none where a member with
/// a `*` covers it already.
pub(super) fn with_member(manifest: &str, member: &str) -> Result<Option<String>, NewProblem> {
    let problem =
        |problem: &str| NewProblem::Members { member: member.to_owned(), problem: problem.to_owned() };
    let root: Root = toml::from_str(manifest).map_err(|error| {
        problem(&format!("expected a list of texts under `[workspace] members`: {}", error.message()))
    })?;
    let members = root.workspace.members.get_ref();
    if members.iter().any(|other| covers(other.get_ref(), member)) {
        return Ok(None);
    }
    let quoted = Value::from(member).to_string();
    let next = members.iter().find(|other| other.get_ref().as_str() > member);
    let (at, inserted) = match (next, members.last()) {
        (Some(next), _) => {
            let at = next.span().start;
            (at, format!("{quoted},{}", separator(manifest, at)))
        }
        (None, Some(last)) => {
            let (at, separator) = (last.span().end, separator(manifest, last.span().start));
            (at, format!(",{separator}{quoted}"))
        }
        (None, None) => (root.workspace.members.span().start + 1, quoted),
    };
    let mut text = manifest.to_owned();
    text.insert_str(at, &inserted);
    if means_one_more(manifest, &text, member) {
        Ok(Some(text))
    } else {
        Err(problem("the list is written in a way that this program cannot add to"))
    }
}

/// What stands in front of a member: a line end and its indentation, or a space.
fn separator(manifest: &str, start: usize) -> String {
    let before = &manifest[..start];
    let newline = before.rfind('\n').map(|newline| newline - usize::from(before[..newline].ends_with('\r')));
    let line = newline.map_or("", |newline| &before[newline..]);
    if !line.is_empty() && line.trim().is_empty() { line.to_owned() } else { " ".to_owned() }
}

fn covers(pattern: &str, member: &str) -> bool {
    pattern == member
        || pattern
            .strip_suffix("/*")
            .is_some_and(|folder| member.rsplit_once('/').map(|(parent, _)| parent) == Some(folder))
}

/// Whether `after` says what `before` says, and has one member more.
fn means_one_more(before: &str, after: &str, member: &str) -> bool {
    let read = |text: &str| text.parse::<Table>().ok();
    let (Some(before), Some(mut after)) = (read(before), read(after)) else { return false };
    let members = after.get_mut("workspace").and_then(|workspace| workspace.get_mut("members"));
    let Some(members) = members.and_then(Value::as_array_mut) else { return false };
    let is_member = |value: &Value| value.as_str() == Some(member);
    let there = members.iter().position(is_member);
    there.map(|index| members.remove(index)).is_some() && before == after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(manifest: &str, member: &str) -> String {
        with_member(manifest, member).unwrap().unwrap()
    }

    #[test]
    fn a_member_goes_to_its_place_and_nothing_else_changes() {
        let manifest = "# x\n[workspace]\nmembers = [\n    \"a\", # first\n    \"jobs-wasm/m\",\n    \"z\",\n]\n\n[profile.dev]\n";
        assert_eq!(
            added(manifest, "jobs-wasm/k"),
            manifest.replace("    \"jobs-wasm/m\"", "    \"jobs-wasm/k\",\n    \"jobs-wasm/m\"")
        );
        assert_eq!(added(manifest, "zz"), manifest.replace("\"z\",", "\"z\",\n    \"zz\","));
        assert_eq!(added(manifest, "A"), manifest.replace("    \"a\"", "    \"A\",\n    \"a\""));
    }

    #[test]
    fn every_way_to_write_the_list_is_kept() {
        for (before, after) in [
            ("workspace.members = [\"a\", \"c\"]", "workspace.members = [\"a\", \"b\", \"c\"]"),
            ("workspace = { members = [\"a\"] }", "workspace = { members = [\"a\", \"b\"] }"),
            ("[workspace]\nmembers = []", "[workspace]\nmembers = [\"b\"]"),
            ("[workspace]\nmembers = [\n  'a'\n]", "[workspace]\nmembers = [\n  'a',\n  \"b\"\n]"),
            (
                "[workspace]\r\nmembers = [\r\n\t\"c\",\r\n]",
                "[workspace]\r\nmembers = [\r\n\t\"b\",\r\n\t\"c\",\r\n]",
            ),
        ] {
            assert_eq!(added(before, "b"), after);
        }
    }

    #[test]
    fn a_member_that_is_covered_is_not_added() {
        for manifest in ["workspace.members = [\"jobs-wasm/*\"]", "workspace.members = [\"jobs-wasm/b\"]"] {
            assert_eq!(with_member(manifest, "jobs-wasm/b").unwrap(), None);
        }
        assert!(with_member("workspace.members = [\"jobs-wasm/*\"]", "b").unwrap().is_some());
    }

    #[test]
    fn a_list_that_is_none_is_an_error() {
        for manifest in ["[workspace]\n", "workspace.members = \"a\"", "workspace.members = [1]", "x"] {
            assert!(with_member(manifest, "b").is_err(), "{manifest}");
        }
    }
}
